from apps.fighters.admin.fighters import FighterAdmin
from apps.fighters.admin.lists import FighterUpdateAdmin, RankingAdmin, RefusedChangeAdmin

__all__ = ["FighterAdmin", "FighterUpdateAdmin", "RankingAdmin", "RefusedChangeAdmin"]

"""Fixed words: countries in Chinese (F-3) and weight classes with their limits."""

from __future__ import annotations

# As the sources write them, in lower case; places of the United Kingdom and the usual short forms included.
COUNTRIES_ZH = {
    "afghanistan": "阿富汗", "albania": "阿尔巴尼亚", "algeria": "阿尔及利亚", "angola": "安哥拉",
    "argentina": "阿根廷", "armenia": "亚美尼亚", "australia": "澳大利亚", "austria": "奥地利",
    "azerbaijan": "阿塞拜疆", "bahrain": "巴林", "belarus": "白俄罗斯", "belgium": "比利时", "bolivia": "玻利维亚",
    "bosnia and herzegovina": "波黑", "brazil": "巴西", "bulgaria": "保加利亚", "cameroon": "喀麦隆",
    "canada": "加拿大", "chile": "智利", "china": "中国", "colombia": "哥伦比亚", "croatia": "克罗地亚",
    "cuba": "古巴", "cyprus": "塞浦路斯", "czech republic": "捷克", "czechia": "捷克",
    "democratic republic of the congo": "刚果（金）", "denmark": "丹麦", "dominican republic": "多米尼加",
    "dr congo": "刚果（金）", "ecuador": "厄瓜多尔", "egypt": "埃及", "el salvador": "萨尔瓦多", "england": "英格兰",
    "estonia": "爱沙尼亚", "finland": "芬兰", "france": "法国", "georgia": "格鲁吉亚", "germany": "德国",
    "ghana": "加纳", "greece": "希腊", "guam": "关岛", "guyana": "圭亚那", "haiti": "海地", "hong kong": "中国香港",
    "hungary": "匈牙利", "iceland": "冰岛", "india": "印度", "indonesia": "印度尼西亚", "iran": "伊朗",
    "iraq": "伊拉克", "ireland": "爱尔兰", "israel": "以色列", "italy": "意大利", "jamaica": "牙买加",
    "japan": "日本", "jordan": "约旦", "kazakhstan": "哈萨克斯坦", "kenya": "肯尼亚", "kosovo": "科索沃",
    "kuwait": "科威特", "kyrgyzstan": "吉尔吉斯斯坦", "latvia": "拉脱维亚", "lebanon": "黎巴嫩",
    "lithuania": "立陶宛", "macau": "中国澳门", "malaysia": "马来西亚", "mexico": "墨西哥", "moldova": "摩尔多瓦",
    "mongolia": "蒙古", "montenegro": "黑山", "morocco": "摩洛哥", "myanmar": "缅甸", "netherlands": "荷兰",
    "new zealand": "新西兰", "nicaragua": "尼加拉瓜", "nigeria": "尼日利亚", "north macedonia": "北马其顿",
    "northern ireland": "北爱尔兰", "norway": "挪威", "pakistan": "巴基斯坦", "palestine": "巴勒斯坦",
    "panama": "巴拿马", "paraguay": "巴拉圭", "peru": "秘鲁", "philippines": "菲律宾", "poland": "波兰",
    "portugal": "葡萄牙", "puerto rico": "波多黎各", "qatar": "卡塔尔", "romania": "罗马尼亚", "russia": "俄罗斯",
    "saudi arabia": "沙特阿拉伯", "scotland": "苏格兰", "senegal": "塞内加尔", "serbia": "塞尔维亚",
    "singapore": "新加坡", "slovakia": "斯洛伐克", "slovenia": "斯洛文尼亚", "south africa": "南非",
    "south korea": "韩国", "spain": "西班牙", "sudan": "苏丹", "suriname": "苏里南", "sweden": "瑞典",
    "switzerland": "瑞士", "syria": "叙利亚", "taiwan": "中国台湾", "tajikistan": "塔吉克斯坦", "thailand": "泰国",
    "trinidad and tobago": "特立尼达和多巴哥", "tunisia": "突尼斯", "turkey": "土耳其", "turkmenistan": "土库曼斯坦",
    "türkiye": "土耳其", "ukraine": "乌克兰", "united arab emirates": "阿联酋", "uae": "阿联酋",
    "united kingdom": "英国", "uk": "英国", "united states": "美国", "usa": "美国", "uruguay": "乌拉圭",
    "uzbekistan": "乌兹别克斯坦", "venezuela": "委内瑞拉", "vietnam": "越南", "wales": "威尔士",
    "zimbabwe": "津巴布韦",
}  # fmt: skip


def country_zh(country: str) -> str:
    """Empty for a country that the table lacks."""
    return COUNTRIES_ZH.get(country.strip().lower(), "")


# Upper limit in pounds.  "Super heavyweight" and open weight have none.
WEIGHT_LIMITS_LB = {
    "Strawweight": 115, "Flyweight": 125, "Bantamweight": 135, "Featherweight": 145, "Lightweight": 155,
    "Welterweight": 170, "Middleweight": 185, "Light Heavyweight": 205, "Heavyweight": 265,
    "Women's Strawweight": 115, "Women's Flyweight": 125, "Women's Bantamweight": 135, "Women's Featherweight": 145,
}  # fmt: skip
GRAMS_PER_LB = 453.59237

DATA_SYNC = "data.sync"
SIM_STATUS_SYNC = "sim.status_sync"

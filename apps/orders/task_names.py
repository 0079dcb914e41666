DATA_SYNC = "data.sync"
SIM_STATUS_SYNC = "sim.status_sync"
FORGET_OLD_SIM_DATA = "orders.forget_old_sim_data"

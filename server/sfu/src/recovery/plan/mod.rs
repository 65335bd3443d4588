//! The policy of repair: how often, how long and how much is asked and answered on one leg. No other place decides that.

mod downlink;
mod uplink;

pub(crate) use downlink::{
    CopyPlan, Downlink, LOSS_PATIENT, REPAIR_CONGESTED_BYTES, SendPlan, answer_again_after, answer_copies,
    answer_repeats, asked_within, media_share, playout_delay, repair_ratio, send_plan, under_way,
};
pub(crate) use uplink::{
    Leg, Loss, NackPlan, OUTAGE, OUTAGE_PACKETS, REPORT_INTERVAL, ReportPlan, nack_plan, report_plan,
};

//! Call records as an administrator finds them.

use super::{SqliteStore, from_json};
use carillon_chat::StoreError;
use carillon_proto::gateway::CallRecord;
use carillon_proto::id::{AppId, CallId};
use carillon_proto::rest::{CallType, Filter};
use rusqlite::params;

/// The newest records of an app that a search looks at: each holds up everybody.
const SEARCHED_MAX: u32 = 10_000;

const FOUND: &str = "FROM (SELECT call, ended_ms, body FROM records WHERE app = ?1 AND ended_ms >= ?2
        ORDER BY ended_ms DESC, call DESC LIMIT 10000)
    WHERE json_extract(body, '$.startedMs') BETWEEN ?2 AND ?3
        AND (?4 = '' OR json_extract(body, '$.result') = ?4)
        AND (?5 < 0 OR (json_extract(body, '$.group') IS NOT NULL
            OR json_array_length(body, '$.callees') > 1) = ?5)";

/// Whether more than two could take part.
pub fn is_multi(record: &CallRecord) -> bool {
    record.group.is_some() || record.callees.len() > 1
}

impl SqliteStore {
    pub fn record(&self, app: AppId, call: &CallId) -> Result<Option<CallRecord>, StoreError> {
        const QUERY: &str = "SELECT body FROM records WHERE app = ?1 AND call = ?2";
        let body = self.one(QUERY, params![app.0, call.as_str()], |row| row.get::<_, String>(0))?;
        body.map(|body| from_json(&body)).transpose()
    }

    /// How many there are, and one page of them, newest first. Times are those of the calls' beginnings.
    pub fn find_records(&self, app: AppId, filter: &Filter) -> Result<(u64, Vec<CallRecord>), StoreError> {
        debug_assert!(FOUND.contains(&SEARCHED_MAX.to_string()));
        let ms = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let from = ms(filter.start_time);
        // The whole of the last second.
        let to = filter.end_time.map_or(i64::MAX, |end| ms(end).saturating_add(999));
        let result = filter.call_result.map(|result| format!("{result:?}")).unwrap_or_default();
        let multi = match filter.call_type {
            None => -1,
            Some(CallType::SingleCall) => 0,
            Some(CallType::MultiCall) => 1,
        };
        let total = format!("SELECT count(*) {FOUND}");
        let total = self.one(&total, params![app.0, from, to, result, multi], |row| row.get::<_, u32>(0))?;
        let page = format!("SELECT body {FOUND} ORDER BY ended_ms DESC, call DESC LIMIT ?6 OFFSET ?7");
        let skipped = u64::from(filter.page - 1) * u64::from(filter.number_per_page);
        let skipped = i64::try_from(skipped).unwrap_or(i64::MAX);
        let values = params![app.0, from, to, result, multi, filter.number_per_page, skipped];
        let bodies = self.all(&page, values, |row| row.get::<_, String>(0))?;
        let records: Result<Vec<_>, _> = bodies.iter().map(|body| from_json(body)).collect();
        Ok((u64::from(total.unwrap_or_default()), records?))
    }
}

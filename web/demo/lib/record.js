// Call records.

/** What a record means to oneself. */
export function readRecord(record, me) {
  const outgoing = record.caller === me;
  const others = [...new Set([record.caller, ...record.callees])].filter((user) => user !== me);
  const talked = record.acceptedMs !== null && record.acceptedMs !== undefined;
  const seconds = talked ? (record.endedMs - record.acceptedMs) / 1000 : 0;
  const missed = !outgoing && !talked && record.result !== 'Reject';
  const result = talked ? 'talked' : `${outgoing ? 'out' : 'in'}_${record.result}`;
  return { outgoing, others, seconds, missed, result, talked };
}

// Icons, drawn on a 24 px grid with one stroke; and the marks of the house.

const paths = {
  video: '<rect x="2.5" y="6" width="13" height="12" rx="3"/><path d="m15.5 10.800 5-3v8.400l-5-3"/>',
  videoOff: '<path d="M10 6h2.5a3 3 0 0 1 3 3v1.800l5-3v8.400l-2.300-1.400M15.5 15.5a3 3 0 0 1-3 2.5h-7a3 3 0 0 1-3-3V9a3 3 0 0 1 2.5-2.900M3 3l18 18"/>',
  phone: '<path d="M6.200 3.5h2.300a1 1 0 0 1 1 .8l.7 3.200a1 1 0 0 1-.3 1L8 10.200a13 13 0 0 0 5.800 5.800l1.700-1.900a1 1 0 0 1 1-.3l3.200.7a1 1 0 0 1 .8 1v2.300a2 2 0 0 1-2.100 2A15.600 15.600 0 0 1 4.200 5.600a2 2 0 0 1 2-2.100Z"/>',
  hangup: '<g transform="rotate(135 12 12)"><path d="M6.200 3.5h2.300a1 1 0 0 1 1 .8l.7 3.200a1 1 0 0 1-.3 1L8 10.200a13 13 0 0 0 5.800 5.800l1.700-1.900a1 1 0 0 1 1-.3l3.200.7a1 1 0 0 1 .8 1v2.300a2 2 0 0 1-2.100 2A15.600 15.600 0 0 1 4.200 5.600a2 2 0 0 1 2-2.100Z"/></g>',
  mic: '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>',
  micOff: '<path d="M15 10V6a3 3 0 0 0-5.700-1.300M9 9v2a3 3 0 0 0 4.5 2.600M5.5 11.5a6.5 6.5 0 0 0 10.300 5.300M18.5 11.5a6.5 6.5 0 0 1-.6 2.700M12 18v3M3 3l18 18"/>',
  screen: '<rect x="2.5" y="4" width="19" height="13" rx="2.5"/><path d="M8.5 21h7M12 14V8M9.300 10.5 12 7.800l2.700 2.700"/>',
  devices: '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2.200"/><circle cx="9" cy="17" r="2.200"/>',
  invite: '<circle cx="9.5" cy="8" r="3.800"/><path d="M2.800 20a6.800 6.800 0 0 1 12.5-3.700M18 12v7M14.5 15.5h7"/>',
  toAudio: '<path d="M12 4.5 7.600 8.200H4.5a1 1 0 0 0-1 1v5.600a1 1 0 0 0 1 1h3.100l4.400 3.700ZM16 9a4.200 4.200 0 0 1 0 6M18.800 6.200a8.200 8.200 0 0 1 0 11.600"/>',
  bell: '<path d="M12 4c-3.600 0-4.700 3-4.900 6-.2 3.400-1.200 4.900-2.800 6.5h15.400c-1.600-1.600-2.600-3.100-2.800-6.5-.2-3-1.300-6-4.900-6ZM12 2v2M10.300 19.5a1.900 1.900 0 0 0 3.400 0"/>',
  bellOff: '<path d="M8.300 6.100C9 4.800 10.200 4 12 4c3.600 0 4.700 3 4.900 6 .1 1.200.3 2.200.6 3M15.5 16.5H4.300c1.600-1.600 2.600-3.100 2.800-6.5M12 2v2M10.300 19.5a1.900 1.900 0 0 0 3.400 0M3 3l18 18"/>',
  globe: '<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c2.600 2.600 3.800 5.600 3.800 9s-1.200 6.400-3.800 9c-2.600-2.600-3.800-5.600-3.800-9S9.400 5.600 12 3Z"/>',
  sun: '<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400"/>',
  moon: '<path d="M20 14.5A8.5 8.5 0 1 1 9.5 4 7 7 0 0 0 20 14.5Z"/>',
  auto: '<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5v17a8.5 8.5 0 0 0 0-17Z" fill="currentColor"/>',
  close: '<path d="m5.5 5.5 13 13M18.5 5.5l-13 13"/>',
  check: '<path d="m4.5 12.5 5 5 10-11"/>',
  out: '<path d="m6 18 12-12M9 6h9v9"/>',
  in: '<path d="M18 6 6 18M15 18H6V9"/>',
  missed: '<path d="m4 7 7.5 7.5L20 6M4 13V7h6"/>',
  group: '<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 5.200a3.5 3.5 0 0 1 0 6.600M18 14.200a6.5 6.5 0 0 1 3.5 5.300"/>',
  warn: '<path d="M12 3.5 2.5 20h19ZM12 10v4.5M12 17.300v.1"/>',
  info: '<circle cx="12" cy="12" r="9"/><path d="M12 11v5.5M12 7.600v.1"/>',
  wifiOff: '<path d="M3 3l18 18M8.5 16a5 5 0 0 1 6.200-.5M5.200 12.5a9.800 9.800 0 0 1 4.300-2.5M14 9.800a9.800 9.800 0 0 1 4.800 2.700M2 9a14.5 14.5 0 0 1 4.200-2.800M10.5 4.800A14.5 14.5 0 0 1 22 9M12 19.5v.1"/>',
  play: '<path d="M8 5.5v13l10.5-6.5Z" fill="currentColor"/>',
  tabs: '<rect x="3" y="7.5" width="13.5" height="13" rx="2.5"/><path d="M8 7.5V6a2.5 2.5 0 0 1 2.5-2.5h8A2.5 2.5 0 0 1 21 6v8a2.5 2.5 0 0 1-2.5 2.5h-2"/>',
  upload: '<path d="M12 15.5V4M7.5 8.5 12 4l4.5 4.5M4 15.5v2A2.5 2.5 0 0 0 6.5 20h11a2.5 2.5 0 0 0 2.5-2.5v-2"/>',
  signOut: '<path d="M14 4H7.5A2.5 2.5 0 0 0 5 6.5v11A2.5 2.5 0 0 0 7.5 20H14M10 12h11M17.5 8.5 21 12l-3.5 3.5"/>',
  flip: '<path d="M4 9.5A8.5 8.5 0 0 1 19 7.5M20 14.5A8.5 8.5 0 0 1 5 16.5M19.5 3.5v4h-4M4.5 20.5v-4h4"/>',
};

/** An icon as markup, hidden from screen readers: the control around it has the name. */
export function icon(name) {
  return `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${paths[name]}</svg>`;
}

/** The wordmark: one stroke, the i's dot is a bell. */
export const wordmark = `<svg class="wordmark" viewBox="14 0 294 78" role="img" aria-label="Carillon">
  <g fill="none" stroke="currentColor" stroke-width="8.5" stroke-linecap="round" stroke-linejoin="round">
  <path d="M38.5 36.5A20 20 0 1 0 38.5 65.5M90 51a20 20 0 1 1-40 0 20 20 0 0 1 40 0ZM90 31v40M111 71V51a20 20 0 0 1 17-19.800M149 71V33M171 71V5M193 71V5"/>
  <circle cx="232" cy="51" r="20"/><path d="M271 71V31M271 48a16 17 0 0 1 32 0v23"/></g>
  <path class="wordmark-bell" d="M149 2c-6 0-7.600 5-8 10-.3 5-1.800 7-4 9.5h24c-2.200-2.5-3.700-4.5-4-9.5-.4-5-2-10-8-10Z"/></svg>`;

/** The small mark for bars: a bell. */
export const mark = `<svg class="mark" viewBox="0 0 64 64" aria-hidden="true"><path d="M32 10c-10 0-12.800 9-13.300 18-.6 10-3.400 14.5-7.700 19h42c-4.300-4.5-7.100-9-7.700-19C44.800 19 42 10 32 10Z"/><circle cx="32" cy="53" r="5"/><path d="M32 5v6" stroke="currentColor" stroke-width="5" stroke-linecap="round"/></svg>`;

/** One hanging bell, `shade` names its gradient. Swings around its top (origin 50 0). */
export function bellShape(shade) {
  return `<svg viewBox="0 0 100 116" aria-hidden="true"><g class="bell-clapper"><path d="M50 60v40"/><circle cx="50" cy="104" r="7.5"/></g>
  <path d="M50 2a8 8 0 0 1 8 8c0 3-2 6-4 7h-8c-2-1-4-4-4-7a8 8 0 0 1 8-8Z" fill="url(#${shade})"/>
  <path d="M50 14C31 14 27 30 26 48 25 70 18 82 7 93c-2 2-1 5 2 5h82c3 0 4-3 2-5C82 82 75 70 74 48 73 30 69 14 50 14Z" fill="url(#${shade})"/>
  <path class="bell-band" d="M19 80q31 8 62 0M26.5 42q23.5 6 47 0M26.200 47q23.800 6 47.600 0"/>
  <path class="bell-shine" d="M36 26c-3 6-3.5 15-4 24-.5 11-2 20-6 27"/></svg>`;
}

// The engine 1.1.0 of the kit of 2022 (npm @tencentcloud/call-uikit-wechat 1.1.2 with its own tsignaling-wx), only the files
// lib/tim-wx-sdk.js and lib/trtc-wx.js replaced: the sequences that it has. KIT_RECORD=1 writes the expectation anew.
import { playAll } from './support/play.mjs';
import { OldDevice } from './support/device.mjs';
import { GROUPS } from './support/groups.mjs';
import { KICKS, PAIRS } from './support/sequences.mjs';

const { group_invite_more: _more, group_join_running: _join, ...groups } = GROUPS;
playAll({ folder: '1.1.0', Kind: OldDevice, sequences: { ...PAIRS, ...groups }, kicks: KICKS });

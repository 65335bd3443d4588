/** 简体中文。 */
export const zh = {
  // 通用
  close: '关闭', dismiss: '知道了', cancel: '取消', save: '保存', saved: '已保存', you: '我', call: '通话', justNow: '刚刚',
  soundOn: '铃声已开启，点按静音', soundOff: '铃声已静音，点按开启',
  scheme_auto: '配色跟随系统，点按改为浅色', scheme_light: '浅色，点按改为深色', scheme_dark: '深色，点按改为跟随系统',

  // 登录
  tagline: '每个名字都有自己的钟声。|写下你的名字，打给想见的人。',
  bellsLabel: '可以弹奏的钟，用方向键和回车键', bellNumber: '第 {n} 口钟',
  yourName: '你的名字', namePlaceholder: 'amy', signIn: '登录', signingIn: '正在登录…', yourChime: '听听你的钟声',
  nameHelp: '用任何名字都可以，无需密码和账号。', nameHelpSig: '生成 UserSig 时所用的用户 ID。',
  nameMissing: '请先输入名字。', nameBad: '只能用英文字母、数字、- 和 _，最多 32 个字符。',
  sigMissing: '请粘贴这个名字的 UserSig。',
  sigHelp: '由你的服务器生成；在本机可运行：<code>carillon user-sig --user NAME</code>',
  footer: 'Carillon {version} · 信令与音视频，一台服务器全部搞定',

  // 页面提示
  httpsTitle: '此页面无法使用摄像头和麦克风。',
  httpsBody: '浏览器只允许 HTTPS 页面使用它们，而 {origin} 是 HTTP。请为 Carillon 配置证书并打开 https:// 地址，或在服务器本机上打开 http://localhost。',
  noRtcTitle: '此浏览器无法通话。', noRtcBody: '它不支持 WebRTC，请使用新版 Chrome、Edge、Firefox 或 Safari。',

  // 首页
  greeting: '你好，{name}', openProfile: '个人资料：{name}',
  whoToCall: '想打给谁？', calleePlaceholder: '输入一个或多个名字', addAnother: '再加一位',
  videoCall: '视频通话', audioCall: '语音通话', recentPeople: '最近联系的人', isOnline: '{name}，在线',
  hintOne: '输入多个名字即可发起群组通话。', hintGroup: '与 {n} 人的群组通话。', askingDevices: '正在发起通话。如浏览器询问，请允许使用麦克风。',
  calleeMissing: '请输入要呼叫的人。', nameBadOther: '“{name}”不能作为名字：只能用英文字母、数字、- 和 _。', nameSelf: '这是你自己，换个人吧。',
  alreadyIn: '{name} 已在通话中。', tooMany: '最多 {n} 人。', remove: '移除 {name}', removed: '已移除 {name}',
  recentCalls: '最近通话', callBack: '回拨', callWith: '呼叫 {name}：{media}',
  noCalls: '还没有通话记录。', tryTwoTabs: '一个人也能试：新标签页会以 {name} 的身份打给你。', openSecondTab: '以 {name} 的身份打开标签页',
  direction_in: '呼入', direction_out: '呼出', direction_missed: '未接', kind_audio: '语音通话', kind_video: '视频通话',
  result_out_Cancel: '已取消', result_out_Reject: '对方已拒绝', result_out_NotAnswer: '无人接听', result_out_NormalEnd: '已结束', result_out_CallBusy: '对方忙线',
  result_out_Interrupt: '通话中断', result_out_Offline: '对方不在线',
  result_in_Cancel: '未接来电', result_in_Reject: '已拒绝', result_in_NotAnswer: '未接来电', result_in_NormalEnd: '已结束', result_in_CallBusy: '你当时忙线',
  result_in_Interrupt: '通话中断', result_in_Offline: '你当时不在线',

  yourChimeTitle: '你的钟声', yourChimeBody: '你打给别人时，对方会听到这段钟声。', play: '播放',

  // 首页卡片
  lastCall: '上次通话', callAgain: '再次呼叫', talked_audio: '语音通话 {time}', talked_video: '视频通话 {time}',
  outcome_ended: '通话已结束', outcome_left: '你已离开通话', outcome_canceled: '你取消了给 {name} 的呼叫', outcome_missed: '未接来电：{name}', outcome_rejected: '{name} 已拒绝',
  outcome_noResponse: '{name} 无人接听', outcome_busy: '{name} 正在通话中', outcome_acceptedElsewhere: '已在其他设备接听 {name} 的来电',
  outcome_rejectedElsewhere: '已在其他设备拒绝 {name} 的来电', outcome_endedByServer: '服务器结束了与 {name} 的通话', outcome_failed: '与 {name} 的通话失败',
  outcome_lost: '与 {name} 的连接已中断', outcome_removed: '你已被移出通话', outcome_takenOver: '通话已转到你的另一台设备',
  stillInCall: '你仍在通话中', stillInCallBody: '你的位置会保留片刻。', goBack: '返回通话', leave: '离开',
  groupRuns: '群组通话正在进行', join: '加入',

  // 振铃
  titleRinging: '{name} 来电', incoming_video: '邀请你视频通话', incoming_audio: '邀请你语音通话',
  incomingGroup_video: '邀请你加入群组视频通话', incomingGroup_audio: '邀请你加入群组语音通话', alsoAsked: '同时邀请：{names}',
  accept: '接听', decline: '拒绝', connecting: '正在接通…', calling: '正在呼叫…', calleeOffline: '{name} 当前不在线，上线后会立即响铃。',

  // 通话中
  controls: '通话控制', mute: '静音', unmute: '取消静音', cameraOff: '关摄像头', cameraOn: '开摄像头', share: '共享屏幕', stopShare: '停止共享',
  toAudio: '转语音', invite: '邀请', devices: '设备', hangup: '挂断', muted: '麦克风已关闭',
  selfLabel: '我的画面，可拖动或用方向键移动', screenOf: '{name} 的屏幕', peopleCount: '{n} 人',
  tile_ringing: '正在响铃…', tile_joining: '正在加入…', tile_lost: '连接中断，等待恢复…',
  tile_unplayable_camera: '对方摄像头使用的编码（{codec}）此浏览器无法播放。', tile_unplayable_screen: '对方共享屏幕使用的编码（{codec}）此浏览器无法播放。',
  quality_0: '网络：尚未测量', quality_1: '网络：极好', quality_2: '网络：良好', quality_3: '网络：一般',
  quality_4: '网络：较差', quality_5: '网络：很差', quality_6: '网络：已断开',
  callBegan: '已接通。', nowAudio: '已转为语音通话。', backOnline: '已恢复连接。',
  userLeft: '{name} 已离开', userRejected: '{name} 已拒绝', userBusy: '{name} 正在通话中', userNoResponse: '{name} 无人接听',
  inviteTitle: '邀请加入通话', whoToInvite: '还想邀请谁？', ringThem: '呼叫', ringingThem: '正在呼叫…',
  microphone: '麦克风', camera: '摄像头', speaker: '扬声器', videoQuality: '画质', deviceNumber: '设备 {n}', noDevice: '未找到', speakerFixed: '浏览器默认',
  flipCamera: '切换前后摄像头',

  // 连接
  connection_online: '在线', connection_connecting: '连接中', connection_reconnecting: '重新连接中', connection_ended: '已退出', connection_signedOut: '已退出',
  banner_signalLost: '与服务器的连接已断开，正在重试…', banner_signalLostInCall: '与服务器的连接已断开，通话仍在继续，正在重试…',
  banner_mediaLost: '音视频连接已中断，正在恢复…', banner_soundBlocked: '浏览器暂时屏蔽了声音，点按按钮即可播放。', playSound: '播放声音',

  // 资料
  profile: '个人资料', nickname: '昵称', pictures: '头像', picture: '头像 {n}', initials: '名字首字', uploadPicture: '上传图片',
  pictureLarge: '此浏览器无法把图片压缩到足够小。', pictureBad: '浏览器无法读取这张图片。', signOut: '退出登录',

  // 通知
  kickedTitle: '你已在此处退出', kicked_kickedByDevice: '你在另一台设备上登录了。', kicked_kickedBySameDevice: '你在另一个标签页或窗口登录了。',
  kicked_userSigExpired: '你的 UserSig 已过期。', kicked_kickedByAdmin: '管理员结束了你的会话。', kicked_other: '服务器结束了你的会话。', useHere: '在此处使用',
  unreachableTitle: '服务器没有响应', unreachableBody: 'Carillon 可能正在启动，或网络已断开。', tryAgain: '重试',

  // 错误
  errPermission: '浏览器拒绝了摄像头或麦克风。请在地址栏允许后重试。', errNoDevice: '未找到麦克风或摄像头，请接入后重试。',
  errDeviceBusy: '摄像头或麦克风正被其他程序占用，请关闭后重试。', errDevice: '摄像头或麦克风无法启动。',
  errSignedOut: '你尚未登录，请刷新页面。', errState: '当前通话状态下无法执行此操作。', errNotSupported: '你的浏览器不支持此功能。',
  errSend: '呼叫未能发出，请检查网络。', errEnter: '服务器拒绝进入此通话的房间。', errMedia: '音视频无法连接，可能有防火墙阻挡了 UDP。',
  errInsecure: '浏览器只向 HTTPS 页面开放摄像头和麦克风。', errTimeout: '服务器响应超时。', errSession: '会话已丢失，正在重新登录。',
  errGone: '这通电话已经结束。', errNoRight: '你没有权限这样做。', errNoUser: '{name}：还没有叫这个名字的人登录过。', errBlocked: '对方不接受你的呼叫。',
  errSigExpired: '这个 UserSig 已过期。', errSigEmpty: 'UserSig 为空。', errSigMalformed: '这不是有效的 UserSig，请粘贴完整内容。', errSigKey: '这个 UserSig 是用别的密钥生成的。',
  errSigUser: '这个 UserSig 属于另一个名字。', errSigApp: '这个 UserSig 属于另一个应用。', errTooMany: '尝试次数过多，请一分钟后再试。',
  errNotMember: '你不在这个群组中。', errLimit: '已达到服务器上限。', errTooLarge: '内容过大。', errOverloaded: '服务器繁忙，请稍后再试。',
  errSign: '服务器没有为这个名字生成 UserSig。', errNetwork: '无法连接服务器。', errUnknown: '操作失败：{detail}',
};

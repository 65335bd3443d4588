/** English. */
export const en = {
  // Everywhere
  close: 'Close', dismiss: 'Dismiss', cancel: 'Cancel', save: 'Save', saved: 'Saved', you: 'You', call: 'Call', justNow: 'just now',
  soundOn: 'Ring tones on. Press to silence', soundOff: 'Ring tones off. Press to hear them',
  scheme_auto: 'Colours follow your system. Press for light', scheme_light: 'Light colours. Press for dark', scheme_dark: 'Dark colours. Press to follow your system',

  // Sign in
  tagline: 'Every name has its own chime.|Type yours and call somebody.',
  bellsLabel: 'Bells to play, with the arrow keys and Enter', bellNumber: 'Bell {n}',
  yourName: 'Your name', namePlaceholder: 'amy', signIn: 'Sign in', signingIn: 'Signing in…', yourChime: 'Hear your chime',
  nameHelp: 'Any name works. No password.', nameHelpSig: 'The user ID that your UserSig was made for.',
  nameMissing: 'Type a name first.', nameBad: 'Use letters A–Z, digits, - and _, up to 32 of them.',
  sigMissing: 'Paste the UserSig for this name.',
  sigHelp: 'Your server makes it; on the machine itself: <code>carillon user-sig --user NAME</code>',
  footer: 'Carillon {version} · calls and media from one server',

  // Notes about the page
  httpsTitle: 'This page cannot use your camera or microphone.',
  httpsBody: 'Browsers allow them only over HTTPS. {origin} is plain HTTP: give Carillon a certificate and open the https:// address, or open http://localhost on the server itself.',
  noRtcTitle: 'This browser cannot make calls.', noRtcBody: 'It has no WebRTC. Use a current Chrome, Edge, Firefox or Safari.',

  // Home
  greeting: 'Hello, {name}', openProfile: 'Your profile, {name}',
  whoToCall: 'Who do you want to call?', calleePlaceholder: 'Type one or more names', addAnother: 'Add another',
  videoCall: 'Video call', audioCall: 'Audio call', recentPeople: 'People you talked with', isOnline: '{name}, online',
  hintOne: 'Several names make a group call.', hintGroup: 'A group call with {n} people.', askingDevices: 'Starting the call. Allow the microphone if your browser asks.',
  calleeMissing: 'Type whom to call.', nameBadOther: '“{name}” cannot be a name: letters A–Z, digits, - and _ only.', nameSelf: 'That is you. Call somebody else.',
  alreadyIn: '{name} is already in this call.', tooMany: '{n} people at most.', remove: 'Remove {name}', removed: '{name} removed',
  recentCalls: 'Recent calls', callBack: 'Call back', callWith: 'Call {name}: {media}',
  noCalls: 'No calls yet.', tryTwoTabs: 'Try it alone: a second tab becomes {name} and calls you.', openSecondTab: 'Open a tab as {name}',
  direction_in: 'Incoming', direction_out: 'Outgoing', direction_missed: 'Missed', kind_audio: 'Audio call', kind_video: 'Video call',
  result_out_Cancel: 'Canceled', result_out_Reject: 'Declined', result_out_NotAnswer: 'No answer', result_out_NormalEnd: 'Ended', result_out_CallBusy: 'Busy',
  result_out_Interrupt: 'Interrupted', result_out_Offline: 'Was offline',
  result_in_Cancel: 'Missed', result_in_Reject: 'You declined', result_in_NotAnswer: 'Missed', result_in_NormalEnd: 'Ended', result_in_CallBusy: 'You were busy',
  result_in_Interrupt: 'Interrupted', result_in_Offline: 'You were offline',

  yourChimeTitle: 'Your chime', yourChimeBody: 'This is how you ring at others.', play: 'Play',

  // Cards on the home page
  lastCall: 'Your last call', callAgain: 'Call again', talked_audio: 'Audio call, {time}', talked_video: 'Video call, {time}',
  outcome_ended: 'Call ended', outcome_left: 'You left the call', outcome_canceled: 'You canceled the call to {name}', outcome_missed: 'You missed a call from {name}', outcome_rejected: '{name} declined',
  outcome_noResponse: '{name} did not answer', outcome_busy: '{name} is in another call', outcome_acceptedElsewhere: 'You answered {name} on another device',
  outcome_rejectedElsewhere: 'You declined {name} on another device', outcome_endedByServer: 'The server ended the call with {name}', outcome_failed: 'The call with {name} failed',
  outcome_lost: 'The connection to {name} was lost', outcome_removed: 'You were removed from the call', outcome_takenOver: 'The call goes on on your other device',
  stillInCall: 'You are still in a call', stillInCallBody: 'Your seat is kept for a moment.', goBack: 'Go back', leave: 'Leave',
  groupRuns: 'A group call is running', join: 'Join',

  // Ringing
  titleRinging: '{name} is calling', incoming_video: 'Video call for you', incoming_audio: 'Audio call for you',
  incomingGroup_video: 'Group video call', incomingGroup_audio: 'Group audio call', alsoAsked: 'Also asked: {names}',
  accept: 'Accept', decline: 'Decline', connecting: 'Connecting…', calling: 'Calling…', calleeOffline: '{name} is not signed in. It rings as soon as they are.',

  // In the call
  controls: 'Call controls', mute: 'Mute', unmute: 'Unmute', cameraOff: 'Camera off', cameraOn: 'Camera on', share: 'Share screen', stopShare: 'Stop sharing',
  toAudio: 'Audio only', invite: 'Invite', devices: 'Devices', hangup: 'Hang up', muted: 'Microphone off',
  selfLabel: 'You. Drag, or use the arrow keys, to move the picture', screenOf: 'Screen of {name}', peopleCount: '{n} people',
  tile_ringing: 'Ringing…', tile_joining: 'Joining…', tile_lost: 'Connection lost, waiting…',
  tile_unplayable_camera: 'Their camera uses a codec that this browser cannot play ({codec}).', tile_unplayable_screen: 'Their screen uses a codec that this browser cannot play ({codec}).',
  quality_0: 'Network: not measured yet', quality_1: 'Network: excellent', quality_2: 'Network: good', quality_3: 'Network: fair',
  quality_4: 'Network: poor', quality_5: 'Network: very poor', quality_6: 'Network: down',
  callBegan: 'You are connected.', nowAudio: 'The call goes on with sound only.', backOnline: 'You are back online.',
  userLeft: '{name} left', userRejected: '{name} declined', userBusy: '{name} is in another call', userNoResponse: '{name} did not answer',
  inviteTitle: 'Invite to this call', whoToInvite: 'Whom else?', ringThem: 'Ring', ringingThem: 'Ringing…',
  microphone: 'Microphone', camera: 'Camera', speaker: 'Speaker', videoQuality: 'Picture', deviceNumber: 'Device {n}', noDevice: 'None found', speakerFixed: 'Your browser’s default',
  flipCamera: 'Other camera',

  // The line
  connection_online: 'Online', connection_connecting: 'Connecting', connection_reconnecting: 'Reconnecting', connection_ended: 'Signed out', connection_signedOut: 'Signed out',
  banner_signalLost: 'No connection to the server. Trying again…', banner_signalLostInCall: 'No connection to the server. Your call goes on; trying again…',
  banner_mediaLost: 'The media connection was lost. Reconnecting…', banner_soundBlocked: 'Your browser holds the sound back until you press a key or button.', playSound: 'Play sound',

  // Profile
  profile: 'Your profile', nickname: 'Nickname', pictures: 'Picture', picture: 'Picture {n}', initials: 'Initials', uploadPicture: 'Upload a picture',
  pictureLarge: 'This browser cannot make the picture small enough.', pictureBad: 'This file is no picture that your browser can read.', signOut: 'Sign out',

  // Notices
  kickedTitle: 'You were signed out here', kicked_kickedByDevice: 'You signed in on another device.', kicked_kickedBySameDevice: 'You signed in in another tab or window.',
  kicked_userSigExpired: 'Your UserSig has expired.', kicked_kickedByAdmin: 'An administrator ended your session.', kicked_other: 'The server ended your session.', useHere: 'Use it here',
  unreachableTitle: 'The server does not answer', unreachableBody: 'Carillon may be starting, or the network is away.', tryAgain: 'Try again',

  // Errors
  errPermission: 'Your browser refused the camera or microphone. Allow them in the address bar, then try again.', errNoDevice: 'No microphone or camera was found. Plug one in, then try again.',
  errDeviceBusy: 'Another program is using the camera or microphone. Close it, then try again.', errDevice: 'The camera or microphone could not start.',
  errSignedOut: 'You are not signed in. Reload the page.', errState: 'That does not work at this point of the call.', errNotSupported: 'Your browser cannot do that.',
  errSend: 'The call could not be sent. Check your connection.', errEnter: 'The server refused the room of this call.', errMedia: 'Sound and picture could not connect. A firewall may block UDP.',
  errInsecure: 'Browsers give camera and microphone to HTTPS pages only.', errTimeout: 'The server took too long to answer.', errSession: 'The session was lost. Signing in again.',
  errGone: 'That call is over.', errNoRight: 'You may not do that.', errNoUser: '{name}: nobody of that name has signed in here yet.', errBlocked: 'This user does not take your calls.',
  errSigExpired: 'This UserSig has expired.', errSigEmpty: 'The UserSig is empty.', errSigMalformed: 'This is no UserSig. Paste the whole text.', errSigKey: 'This UserSig was made with another key.',
  errSigUser: 'This UserSig belongs to another name.', errSigApp: 'This UserSig belongs to another app.', errTooMany: 'Too many tries. Wait a minute.',
  errNotMember: 'You are not in this group.', errLimit: 'A limit of the server is reached.', errTooLarge: 'That is too large.', errOverloaded: 'The server is busy. Try again in a moment.',
  errSign: 'The server did not make a UserSig for this name.', errNetwork: 'The server cannot be reached.', errUnknown: 'That did not work: {detail}',
};

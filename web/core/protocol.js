/**
 * The gateway's objects as types; proto/GATEWAY.md explains each. This file has no code.
 *
 * @typedef {number | string} RoomId a number is a numeric room, a text a string room
 * @typedef {{user: string} | {group: string}} Peer
 * @typedef {'microphone' | 'camera' | 'screen' | 'screenAudio'} TrackName
 * @typedef {'on' | 'muted' | 'off'} TrackState
 * @typedef {{state: TrackState, live: boolean}} Track
 * @typedef {Partial<Record<TrackName, Track>>} Tracks
 * @typedef {{user: string, nick: string, avatar: string, tracks: Tracks}} Participant
 * @typedef {{room: RoomId, participants: Participant[], may: string[]}} EnteredRoom
 * @typedef {{user: string, nick: string, avatar: string}} Profile
 * @typedef {'left' | 'lost' | 'kicked' | 'dissolved' | 'takenOver' | 'endedByServer'} LeaveReason
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string} from
 * @property {Peer} to
 * @property {string} kind `text`, `custom`, …
 * @property {Record<string, any>} payload
 * @property {number} seq
 * @property {number} timeMs
 * @property {string} clientId
 * @property {string} nick
 * @property {string} avatar
 * @property {string | null} [priority]
 * @property {string} [cloudCustomData]
 * @property {boolean} [onlineOnly]
 * @property {boolean} [excludeFromHistory]
 * @property {number} [modified] how often
 * @property {boolean} [revoked]
 *
 * @typedef {object} Group
 * @property {string} id
 * @property {string} type
 * @property {string} name
 * @property {string} avatar
 * @property {string} introduction
 * @property {string} notification
 * @property {string} owner
 * @property {number} memberCount
 * @property {number} createdMs
 * @property {Record<string, string>} [attributes]
 *
 * @typedef {object} CallState
 * @property {string} call
 * @property {RoomId} room
 * @property {string | null} group
 * @property {'audio' | 'video'} media
 * @property {string} caller
 * @property {'waiting' | 'connected' | 'ended'} state
 * @property {string[]} waiting
 * @property {string[]} connected
 * @property {number} startedMs
 * @property {number | null} acceptedMs
 * @property {string | null} result
 *
 * @typedef {object} Snapshot
 * @property {Profile} profile
 * @property {any[]} conversations
 * @property {Message[]} openInvitations
 * @property {RoomId[]} rooms
 * @property {CallState[]} calls
 *
 * @typedef {object} Welcome
 * @property {number} version
 * @property {string} session
 * @property {string} user
 * @property {boolean} resumed
 * @property {number} ack
 * @property {number} serverTimeMs
 * @property {number} pingIntervalMs
 * @property {number} resumeWithinMs
 * @property {Snapshot} [snapshot]
 */

export {};

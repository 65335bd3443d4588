//! The node's threads, and how they are reached.

use super::Failure;
use super::bound::{Media, Resources};
use crate::clock::{self, Clock};
use crate::control;
use crate::gateway::session::Sessions;
use crate::postman::Post;
use crate::store::SqliteStore;
use crate::{bridge, rtmp, worker};
use carillon_call::Switchboard;
use carillon_chat::{Chat, StoreError};
use carillon_config::Config;
use carillon_sfu::Worker;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use tokio::sync::mpsc::UnboundedSender;

pub(super) type Workers = Arc<[worker::Handle]>;

#[derive(Clone)]
pub(super) struct Handles {
    pub control: control::Handle,
    pub workers: Workers,
    pub rtmp: rtmp::Handle,
    pub bridge: bridge::Handle,
}

pub(super) struct Threads {
    pub handles: Handles,
    /// Ends first, and by itself where it cannot go on.
    pub control: JoinHandle<Result<(), StoreError>>,
    /// Of media, RTMP and the bridge.
    pub others: Vec<JoinHandle<()>>,
}

impl Threads {
    /// To be called within a tokio runtime. Callbacks go to `postman`.
    pub(super) fn start(
        config: &Config,
        resources: Resources,
        postman: UnboundedSender<Post>,
        clock: Clock,
    ) -> Result<Self, Failure> {
        let Resources { store, streams, rtmp: prepared, media } = resources;
        let (control, inputs) = control::channel(config.limits.control_queue);
        let (bridge, mailboxes) = bridge::channels();
        let rtmp = prepared.handle.clone();
        let (workers, mut others) = start_media(media, config, &control, &bridge.sinks(), clock)?;
        let handles = Handles { control, workers, rtmp, bridge };
        let control = control::start(control_parts(config, &handles, inputs, store, postman, clock))?;
        let Handles { control: to_control, workers, rtmp, bridge } = handles.clone();
        others.extend(bridge::start(mailboxes, &workers, &rtmp, clock)?);
        others.push(rtmp::start(prepared, streams, &config.rtmp, to_control, bridge, clock, clock::random_u64())?);
        Ok(Self { handles, control, others })
    }
}

fn start_media(
    media: Media,
    config: &Config,
    control: &control::Handle,
    frames: &bridge::Sinks,
    clock: Clock,
) -> Result<(Workers, Vec<JoinHandle<()>>), Failure> {
    let certificate = carillon_sfu::transport::generate_certificate().ok_or("no DTLS certificate could be made")?;
    let (mut handles, mut threads) = (Vec::new(), Vec::new());
    for (index, ports) in media.workers.into_iter().enumerate() {
        let seed = clock::random_bytes();
        let engine = Worker::new(config.media.clone(), ports.candidates, certificate.clone(), seed, clock.now());
        let (control, frames) = (control.clone(), frames.clone());
        let (handle, thread) = worker::start(index, engine, ports.sockets, control, frames, clock, media.pin)?;
        handles.push(handle);
        threads.push(thread);
    }
    Ok((handles.into(), threads))
}

fn control_parts(
    config: &Config,
    handles: &Handles,
    inputs: Receiver<control::Input>,
    store: SqliteStore,
    postman: UnboundedSender<Post>,
    clock: Clock,
) -> control::Parts {
    let call = carillon_call::Config { call: config.call.clone(), rooms: config.rooms.clone() };
    control::Parts {
        clock,
        inputs,
        sessions: Sessions::new(config.gateway.clone(), Box::new(fill_random)),
        chat: Chat::new(config.chat.clone(), &config.apps, clock::random_u64()),
        calls: Switchboard::new(call, clock::random_u64()),
        store,
        apps: config.apps.clone(),
        postman,
        callbacks_waiting_max: config.callbacks.waiting_max,
        give_up_within: config.store.give_up_within(),
        workers: handles.workers.to_vec(),
        rtmp: handles.rtmp.clone(),
        bridge: handles.bridge.clone(),
        signed_life_max: config.rtmp.signed_life_max(),
        pushes_per_room: config.rtmp.pushes_per_room,
        random: Box::new(|| u128::from_ne_bytes(clock::random_bytes())),
    }
}

fn fill_random(out: &mut [u8]) {
    for chunk in out.chunks_mut(8) {
        chunk.copy_from_slice(&clock::random_u64().to_ne_bytes()[..chunk.len()]);
    }
}

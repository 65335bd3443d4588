// Which microphone, camera and speaker; how sharp the picture.

import { store } from '../state.js';
import { phone } from '../line.js';
import { report } from '../report.js';
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../i18n/index.js';
import { openDialog } from './dialog.js';

const qualities = ['360p', '480p', '720p', '1080p'];
let chosenQuality = '';

export function openDevices() {
  const engine = phone();
  if (!engine) return;
  const video = store.get().call?.mediaType !== 1;
  const selects = ['microphone', ...(video ? ['camera'] : []), 'speaker'].map((type) => deviceSelect(engine, type));
  const level = h('i');
  const meter = h('div', { class: 'meter', 'aria-hidden': 'true' }, level);
  selects[0].el.append(meter);
  const stopMeter = store.watch(({ volumes, me, local }) => {
    level.style.scale = `${local.microphone === 'on' ? (volumes[me?.user] ?? 0) / 100 : 0} 1`;
  });
  const refresh = () => selects.forEach((one) => one.load());
  const off = engine.on('onDeviceUpdated', refresh);
  refresh();
  openDialog({
    title: t('devices'), testid: 'devices-dialog',
    fill: () => [h('div', { class: 'stack' }, selects.map((one) => one.el), video && qualitySelect(engine), video && flipButton(engine))],
    onClose() {
      stopMeter();
      off?.();
    },
  });
}

function field(id, label, select) {
  return h('div', { class: 'field' }, h('label', { for: id, text: label }), select);
}

function deviceSelect(engine, type) {
  const id = `device-${type}`;
  const select = h('select', { class: 'select', id, data: { testid: id }, on: { change: change } });

  async function load() {
    try {
      const [list, current] = await Promise.all([engine.getDeviceList(type), engine.getCurrentDevice(type)]);
      const now = current?.deviceId ?? current ?? '';
      select.replaceChildren(...list.map(({ deviceId, deviceName }, index) => h('option', { value: deviceId, text: deviceName || t('deviceNumber', { n: index + 1 }), selected: deviceId === now })));
      if (!list.length) select.append(h('option', { value: '', text: t(type === 'speaker' ? 'speakerFixed' : 'noDevice') }));
      select.disabled = !list.length;
    } catch {
      select.disabled = true;
    }
  }

  function change() {
    engine.switchDevice({ deviceType: type, deviceId: select.value }).catch((error) => {
      report(error);
      load();
    });
  }

  return { el: field(id, t(type), select), load };
}

function qualitySelect(engine) {
  const select = h('select', {
    class: 'select', id: 'video-quality', data: { testid: 'video-quality' },
    on: { change: () => { chosenQuality = select.value; engine.setVideoQuality(select.value).catch(report); } },
  });
  select.append(...qualities.map((value) => h('option', { value, text: value, selected: value === (chosenQuality || '720p') })));
  return field('video-quality', t('videoQuality'), select);
}

/** Phones have two cameras, one each way. */
function flipButton(engine) {
  if (!matchMedia('(pointer: coarse)').matches) return null;
  let back = false;
  return h('button', {
    class: 'button', type: 'button', html: `${icon('flip')}<span>${t('flipCamera')}</span>`,
    on: { click: () => { back = !back; engine.switchCamera(back ? 1 : 0).catch(report); } },
  });
}

import { createApp } from 'vue';
import { TUICallKitServer } from '@tencentcloud/call-uikit-vue';
import App from './App.vue';

// What has no button in the kit, for `vite build --mode test`.
if (import.meta.env.MODE === 'test') globalThis.kit = TUICallKitServer;

createApp(App).mount('#app');

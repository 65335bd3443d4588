import { describe, it } from 'node:test';
import { smallCamera } from './support/browser.mjs';
import { world } from './support/world.mjs';

describe('a call among four pages', () => {
  const here = world();

  it('three_are_called_one_is_invited_late_and_all_see_and_hear_all', async () => {
    const users = await here.people(['amy', 'ben', 'cy', 'dan'], { before: [smallCamera] });
    const [amy, ben, cy, dan] = users;
    await amy.calls([ben.name, cy.name]);
    await Promise.all([ben.accepts(), cy.accepts()]);
    await amy.inCall();
    await amy.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length === 2, 'two pictures never came');
    await amy.click('invite-more');
    await amy.byId('invite-input').fill(dan.name);
    await amy.click('invite-send');
    await dan.accepts();
    for (const user of users) {
      await user.mediaWhere((m) => m.videos.filter((v) => v.framesDecoded > 0).length >= 3, 'three pictures never came');
      await user.hearsSound();
    }
    await dan.click('hangup');
    await dan.isIdle();
    await amy.byId(`tile-${dan.name}`).waitFor({ state: 'hidden' });
    await Promise.all([amy.seesPictures(), ben.seesPictures()]);
    await ben.click('hangup');
    await cy.click('hangup');
    await amy.isIdle();
  });
});

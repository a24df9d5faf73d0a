/* untried.h: the settings of a history that nobody has asked for yet.
 *
 * Imagine the settings in a row, those not taken in front. Taking one swaps it with the last of
 * them. Only what was moved is stored, both ways: settings by position, positions by setting.
 */
#ifndef VLT_TUNER_UNTRIED_H
#define VLT_TUNER_UNTRIED_H

#include "tuner/strategy/history.h"

bool vlt_untried_has(const vlt_untried *untried, uint64_t setting);
vlt_status vlt_untried_take(vlt_untried *untried, uint64_t setting, vlt_error *err);
uint64_t vlt_untried_draw(const vlt_untried *untried, vlt_random *random);
void vlt_untried_release(vlt_untried *untried);

#endif

/* ledger.h: the book that a context keeps: what ran, and what was chosen and could not run. */
#ifndef VLT_CORE_LEDGER_H
#define VLT_CORE_LEDGER_H

#include "optimizations/core/plan.h"

/* Notes a prepared plan, which from then on counts its runs there. Best effort: a ledger that
 * cannot grow loses a line, never the plan. NULL: nothing is noted. */
void vlt_ledger_note(vlt_ledger *ledger, vlt_plan *plan);

/* Notes that a tuned or forced variant was not applicable. True when that is new, and for NULL. */
bool vlt_ledger_note_passed(vlt_ledger *ledger, const vlt_variant *variant, bool forced);

/* Was any plan of the operator prepared? False for NULL. */
bool vlt_ledger_met(const vlt_ledger *ledger, const vlt_op *op);

/* At the end of a run: one warning in the context's log for each forced operator that neither its
 * ledger nor the other one (NULL: none) has met. */
void vlt_ledger_warn_unmet(const vlt_context *context, const vlt_ledger *other);

#endif

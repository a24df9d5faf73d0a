/* trust.h: what `vltune bench --self-check --json` measured, as facts for people. */
#ifndef VLT_REPORTS_TRUST_H
#define VLT_REPORTS_TRUST_H

#include "harness/json/json.h"

/* An object of texts (new reference) for the key "trust" of a report: false alarms on identical
 * code with their bound, slowdowns found, rivals' rules on the same samples, costs of measuring.
 * INPUT when the document is no result of a self-check. */
vlt_status vlt_trust_facts(const json_t *selfcheck, json_t **out, vlt_error *err);

#endif

/* places.h: where a user's files are, by the XDG base directory specification. */
#ifndef VLT_HARNESS_PLACES_H
#define VLT_HARNESS_PLACES_H

#include <stdbool.h>

#include "optimizations/core/status.h"

typedef enum vlt_place { VLT_PLACE_CONFIG, VLT_PLACE_DATA, VLT_PLACE_CACHE } vlt_place;

/* $XDG_CACHE_HOME, or $HOME/.cache; the others likewise. Without HOME the current folder stands for
 * it, *homeless tells (and may be NULL). A relative path in an XDG variable counts as not set, as
 * the specification has it. *out: owned, without slashes at its end. */
vlt_status vlt_place_path(vlt_place place, char **out, bool *homeless, vlt_error *err);

/* Makes a folder and those above it that are missing, for the owner alone. IO names the path. */
vlt_status vlt_place_make(const char *path, vlt_error *err);

/* The path as people write it: "~/.cache/vltune". Owned; NULL when out of memory. */
char *vlt_place_shown(const char *path);

#endif

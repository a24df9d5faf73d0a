#include "tuner/store/store_runs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/json/json.h"
#include "harness/json/json_make.h"
#include "optimizations/core/utf8_text.h"
#include "tuner/store/store_internal.h"

static void copy_text(char *to, size_t to_bytes, const char *from)
{
    vlt_utf8_format(to, to_bytes, "%s", from ? from : "");
}

vlt_status vlt_store_find_run(vlt_store *store, const char *name, vlt_store_run_info *run,
                              vlt_error *err)
{
    const char *doing = "looking for a run";
    sqlite3_stmt *statement;
    bool row = false, more = false;
    bool latest = !strcmp(name, "latest");
    *run = (vlt_store_run_info){0};
    vlt_status status = vlt_store_prepare(
        store,
        "SELECT s.id, s.uuid, s.kind, s.started_ms, s.threads, m.hard FROM session s"
        " JOIN machine m ON m.id = s.machine_id WHERE substr(s.uuid, 1, length(?1)) = ?1"
        " AND EXISTS (SELECT 1 FROM trial t WHERE t.session_id = s.id AND t.log_ratio IS NOT NULL)"
        " ORDER BY s.started_ms DESC, s.id DESC LIMIT 2",
        doing, &statement, err, "t", latest ? "" : name);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_step(store, statement, doing, &row, err);
    if (status == VLT_OK && row) {
        run->session = sqlite3_column_int64(statement, 0);
        run->started_ms = sqlite3_column_int64(statement, 3);
        run->threads = sqlite3_column_int(statement, 4);
        copy_text(run->id, sizeof run->id, vlt_store_text(statement, 1));
        copy_text(run->kind, sizeof run->kind, vlt_store_text(statement, 2));
        copy_text(run->hard, sizeof run->hard, vlt_store_text(statement, 5));
        status = vlt_store_step(store, statement, doing, &more, err);
    }
    sqlite3_finalize(statement);
    if (status == VLT_OK && !row) {
        status = vlt_fail(err, VLT_STATUS_INPUT,
                          "%s: no run with samples has an id that begins with '%s'", store->path,
                          name);
    } else if (status == VLT_OK && more && !latest) {
        status = vlt_fail(err, VLT_STATUS_INPUT, "%s: '%s' begins the ids of several runs",
                          store->path, name);
    }
    return status;
}

vlt_status vlt_store_session_id(vlt_store *store, int64_t session, char id[VLT_STORE_ID_BYTES],
                                vlt_error *err)
{
    const char *doing = "looking up a session";
    sqlite3_stmt *statement;
    bool row = false;
    vlt_status status = vlt_store_prepare(store, "SELECT uuid FROM session WHERE id = ?", doing,
                                          &statement, err, "i", session);
    if (status != VLT_OK) {
        return status;
    }
    status = vlt_store_step(store, statement, doing, &row, err);
    copy_text(id, VLT_STORE_ID_BYTES, row ? vlt_store_text(statement, 0) : NULL);
    sqlite3_finalize(statement);
    return status;
}

bool vlt_store_same_machine(const char *hard_a, const char *hard_b, char *why, size_t why_bytes)
{
    json_t *a = NULL, *b = NULL;
    const char *name;
    json_t *value;
    bool same = vlt_json_parse(hard_a, strlen(hard_a), "machine", &a, NULL) == VLT_OK &&
                vlt_json_parse(hard_b, strlen(hard_b), "machine", &b, NULL) == VLT_OK;
    vlt_utf8_format(why, why_bytes, "%s", same ? "" : "the machine of a run is not readable");
    json_object_foreach(a, name, value)
    {
        const char *one = json_string_value(value);
        const char *other = json_string_value(json_object_get(b, name));
        /* another catalogue is another program on the same machine */
        if (same && strcmp(name, "catalogue") != 0 && (!one || !other || strcmp(one, other))) {
            vlt_utf8_format(why, why_bytes, "%s: '%s' and '%s'", name, one ? one : "-",
                            other ? other : "-");
            same = false;
        }
    }
    json_decref(a);
    json_decref(b);
    return same;
}

vlt_status vlt_store_machine_here(char *hard, vlt_error *err)
{
    vlt_tuned_key key;
    vlt_status status = vlt_tuned_key_here(0, &key, err);
    if (status != VLT_OK) {
        return status;
    }
    json_t *object = json_object();
    for (int i = 0; i < key.hard.count; i++) {
        const char *value = key.hard.part[i].value;
        vlt_json_set(&object, key.hard.part[i].name, vlt_json_name(value));
    }
    char *text = vlt_json_dump(object, NULL);
    json_decref(object);
    if (!text || strlen(text) >= VLT_STORE_HARD_BYTES) {
        status = vlt_fail(err, VLT_STATUS_NOMEM, "no room for the machine's fingerprint");
    } else {
        copy_text(hard, VLT_STORE_HARD_BYTES, text);
    }
    free(text);
    return status;
}

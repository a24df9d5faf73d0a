/* What every page has: style, beginning, cards, tables of facts, embedded data, the file. */
#include <stdlib.h>
#include <string.h>

#include "harness/json/json_make.h"
#include "reports/page/page_internal.h"

static const char style[] =
    ":root{--ink:#1b1f24;--dim:#66707b;--paper:#fff;--panel:#f5f6f8;--line:#d5dae0;--good:#17803d;"
    "--bad:#b42318;--even:#66707b;--base:#9aa5b1;--tuned:#1f6feb}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--dim:#98a2ad;--paper:#14171a;"
    "--panel:#1d2126;--line:#343a41;--good:#4cc36e;--bad:#ff7b72;--even:#98a2ad;--base:#5b6672;"
    "--tuned:#58a6ff}}"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1000px;padding:24px 20px 60px;"
    "background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:34px 0 8px}p{margin:6px 0}"
    ".dim{color:var(--dim);fill:var(--dim)}.big{display:flex;gap:14px;flex-wrap:wrap;margin:18px 0}"
    ".big div{background:var(--panel);border-radius:8px;padding:12px 18px;min-width:150px}"
    ".big b{display:block;font-size:24px}table{border-collapse:collapse;width:100%;font-size:14px}"
    "th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);"
    "vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}"
    ".scroll{overflow-x:auto}svg{width:100%;height:auto;display:block;font:12px "
    "system-ui,sans-serif}"
    "svg text{fill:var(--ink)}svg .dim,svg .tick{fill:var(--dim)}svg .tick{text-anchor:middle}"
    "svg .label{text-anchor:end}svg .head{font-weight:600}svg .grid{stroke:var(--line)}"
    "svg .one{stroke:var(--dim);stroke-dasharray:4 3}svg "
    ".interval{stroke:var(--dim);stroke-width:3}"
    "svg circle{fill:var(--even)}svg circle.faster{fill:var(--good)}svg "
    "circle.slower{fill:var(--bad)}"
    "svg rect.baseline{fill:var(--base)}svg rect.tuned{fill:var(--tuned)}"
    "svg rect.band{fill:var(--panel)}svg circle.launch{fill:var(--dim);fill-opacity:.45}"
    "svg .right{text-anchor:end}"
    ".faster,.pass{color:var(--good)}.slower,.regression,.wrong{color:var(--bad)}"
    "ul{padding-left:20px}";

void vlt_page_escaped(vlt_buffer *page, const char *text)
{
    vlt_buffer_xml(page, text && text[0] ? text : "\xE2\x80\x93");
}

void vlt_page_begin(vlt_buffer *page, const char *title)
{
    vlt_buffer_text(page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                          "<title>");
    vlt_page_escaped(page, title);
    vlt_buffer_text(page, "</title><style>");
    vlt_buffer_text(page, style);
    vlt_buffer_text(page, "</style></head><body>\n<h1>");
    vlt_page_escaped(page, title);
    vlt_buffer_text(page, "</h1>\n");
}

void vlt_page_card(vlt_buffer *page, const char *value, const char *label)
{
    vlt_buffer_text(page, "<div><b>");
    vlt_page_escaped(page, value);
    vlt_buffer_text(page, "</b>");
    vlt_page_escaped(page, label);
    vlt_buffer_text(page, "</div>");
}

void vlt_page_fact(vlt_buffer *page, const char *name, const char *value)
{
    vlt_buffer_text(page, "<tr><td>");
    vlt_page_escaped(page, name);
    vlt_buffer_text(page, "</td><td>");
    vlt_page_escaped(page, value);
    vlt_buffer_text(page, "</td></tr>\n");
}

void vlt_page_facts(vlt_buffer *page, const json_t *facts)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)facts, name, value)
    {
        vlt_page_fact(page, name, json_string_value(value));
    }
}

/* "</" must not end the script element early */
void vlt_page_end(vlt_buffer *page, const json_t *document)
{
    char *text = vlt_json_dump_as(document, JSON_INDENT(1) | JSON_ENSURE_ASCII, NULL);
    vlt_buffer_text(page, "<script type=\"application/json\" id=\"data\">\n");
    for (char *p = text, *end; p && *p; p = end) {
        end = strstr(p, "</");
        end = end ? end : p + strlen(p);
        char kept = *end;
        *end = '\0';
        vlt_buffer_text(page, p);
        *end = kept;
        if (kept) {
            vlt_buffer_text(page, "<\\/");
            end += 2;
        }
    }
    vlt_buffer_text(page, "\n</script>\n</body></html>\n");
    page->failed |= !text;
    free(text);
}

vlt_status vlt_page_finish(vlt_buffer *page, const char *path, vlt_error *err)
{
    vlt_status status = page->failed
                            ? vlt_fail(err, VLT_STATUS_NOMEM, "%s: no memory for the page", path)
                            : vlt_write_file(path, page->data, page->bytes, err);
    free(page->data);
    *page = (vlt_buffer){0};
    return status;
}

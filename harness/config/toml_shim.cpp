#include "harness/config/toml_shim.h"

#include <new>
#include <string_view>
#include <toml++/toml.h>

extern "C" {
#include "optimizations/core/utf8_text.h"
}

struct vlt_toml {
    toml::table root;
};

static const toml::node *node_of(const vlt_toml_value *value)
{
    return reinterpret_cast<const toml::node *>(value);
}

static const vlt_toml_value *value_of(const toml::node *node)
{
    return reinterpret_cast<const vlt_toml_value *>(node);
}

static void explain(vlt_toml_error *error, int line, int column, const char *what)
{
    error->line = line;
    error->column = column;
    vlt_utf8_format(error->what, sizeof error->what, "%s", what);
}

/* Is every line within the limits of the header? */
static bool lines_fit(std::string_view text, vlt_toml_error *error)
{
    int line = 1, dots = 0;
    size_t start = 0;
    for (size_t i = 0; i < text.size(); i++) {
        if (text[i] == '\n') {
            line++;
            dots = 0;
            start = i + 1;
            continue;
        }
        dots += text[i] == '.';
        if (dots > VLT_TOML_DOTS_MAX || i - start >= VLT_TOML_LINE_MAX) {
            char what[128];
            vlt_utf8_format(what, sizeof what, "line of more than %d bytes or %d dots",
                            VLT_TOML_LINE_MAX, VLT_TOML_DOTS_MAX);
            explain(error, line, 1, what);
            return false;
        }
    }
    return true;
}

vlt_toml *vlt_toml_parse(const char *text, size_t bytes, vlt_toml_error *error)
{
    try {
        const std::string_view view(text, bytes);
        if (!lines_fit(view, error)) {
            return nullptr;
        }
        return new vlt_toml{toml::parse(view)};
    } catch (const toml::parse_error &failure) {
        explain(error, static_cast<int>(failure.source().begin.line),
                static_cast<int>(failure.source().begin.column), failure.what());
        return nullptr;
    } catch (const std::exception &) {
        explain(error, 0, 0, "out of memory");
        return nullptr;
    }
}

void vlt_toml_destroy(vlt_toml *document)
{
    delete document;
}

const vlt_toml_value *vlt_toml_root(const vlt_toml *document)
{
    return value_of(&document->root);
}

vlt_toml_type vlt_toml_type_of(const vlt_toml_value *value)
{
    switch (node_of(value)->type()) {
    case toml::node_type::table:
        return VLT_TOML_TABLE;
    case toml::node_type::array:
        return VLT_TOML_ARRAY;
    case toml::node_type::string:
        return VLT_TOML_STRING;
    case toml::node_type::integer:
        return VLT_TOML_INTEGER;
    case toml::node_type::floating_point:
        return VLT_TOML_REAL;
    case toml::node_type::boolean:
        return VLT_TOML_BOOL;
    default:
        return VLT_TOML_TIME;
    }
}

int vlt_toml_line(const vlt_toml_value *value)
{
    return static_cast<int>(node_of(value)->source().begin.line);
}

const vlt_toml_value *vlt_toml_get(const vlt_toml_value *table, const char *key)
{
    const toml::table *members = table ? node_of(table)->as_table() : nullptr;
    return members ? value_of(members->get(std::string_view(key))) : nullptr;
}

const vlt_toml_value *vlt_toml_at(const vlt_toml_value *array, size_t index)
{
    const toml::array *elements = array ? node_of(array)->as_array() : nullptr;
    return elements ? value_of(elements->get(index)) : nullptr;
}

size_t vlt_toml_count(const vlt_toml_value *value)
{
    const toml::node *node = value ? node_of(value) : nullptr;
    if (node && node->is_table()) {
        return node->as_table()->size();
    }
    return node && node->is_array() ? node->as_array()->size() : 0;
}

void vlt_toml_each(const vlt_toml_value *table,
                   bool (*visit)(void *user, const char *key, const vlt_toml_value *value),
                   void *user)
{
    const toml::table *members = table ? node_of(table)->as_table() : nullptr;
    if (!members) {
        return;
    }
    for (const auto &member : *members) {
        if (!visit(user, member.first.data(), value_of(&member.second))) {
            return;
        }
    }
}

bool vlt_toml_string(const vlt_toml_value *value, const char **out, size_t *bytes)
{
    const auto *text = value ? node_of(value)->as_string() : nullptr;
    if (text) {
        *out = text->get().c_str();
        *bytes = text->get().size();
    }
    return text != nullptr;
}

bool vlt_toml_integer(const vlt_toml_value *value, int64_t *out)
{
    const auto *number = value ? node_of(value)->as_integer() : nullptr;
    if (number) {
        *out = number->get();
    }
    return number != nullptr;
}

bool vlt_toml_real(const vlt_toml_value *value, double *out)
{
    const auto *number = value ? node_of(value)->as_floating_point() : nullptr;
    int64_t integer;
    if (number) {
        *out = number->get();
        return true;
    }
    if (vlt_toml_integer(value, &integer)) {
        *out = static_cast<double>(integer);
        return true;
    }
    return false;
}

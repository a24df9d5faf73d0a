/* The tree of an expression, by recursive descent: one function for each level of precedence that
 * is not a plain chain of binary operators. */
#include <stdlib.h>
#include <string.h>

#include "optimizations/core/utf8_text.h"
#include "tuner/space/expression_internal.h"

typedef struct parser {
    vlt_expression *expression;
    vlt_lexer lexer;
    int depth;
    vlt_error *err;
} parser;

static const struct {
    const char *name;
    int low, high;
} functions[] = {
#define FUNCTION_ROW(name, low, high) {#name, low, high},
    VLT_FUNCTION_MAP(FUNCTION_ROW)
#undef FUNCTION_ROW
};

static vlt_status parse_choice(parser *p, int *out);
static vlt_status parse_or(parser *p, int *out);

/* Bytes of the text that a message shows. */
enum { SHOWN = 20 };

static vlt_status expected(parser *p, const char *what)
{
    if (p->lexer.token == VLT_TOKEN_BAD) {
        return vlt_expression_fail(p->expression, p->lexer.column, p->err, "%s",
                                   p->lexer.complaint);
    }
    const char *at = p->lexer.start + p->lexer.column - 1;
    return *at ? vlt_expression_fail(
                     p->expression, p->lexer.column, p->err, "'%s' where %s was expected",
                     vlt_quoted(at, strlen(at) < SHOWN ? strlen(at)
                                                       : vlt_utf8_cut(at, strlen(at), SHOWN))
                         .text,
                     what)
               : vlt_expression_fail(p->expression, p->lexer.column, p->err,
                                     "it ends where %s was expected", what);
}

static vlt_status take(parser *p, vlt_token token, const char *what)
{
    if (p->lexer.token != token) {
        return expected(p, what);
    }
    vlt_lexer_next(&p->lexer);
    return VLT_OK;
}

static vlt_status add_node(parser *p, vlt_node_kind kind, int column, int first, int *out)
{
    vlt_expression *expression = p->expression;
    if (expression->node_count == VLT_EXPRESSION_NODE_MAX) {
        return vlt_expression_fail(expression, column, p->err, "more than %d terms",
                                   VLT_EXPRESSION_NODE_MAX);
    }
    if (expression->node_count % 64 == 0) {
        size_t room = (size_t)expression->node_count + 64;
        vlt_node *node = realloc(expression->node, room * sizeof *node);
        if (!node) {
            return vlt_fail(p->err, VLT_STATUS_NOMEM, "%s: out of memory", expression->name);
        }
        expression->node = node;
    }
    *out = expression->node_count++;
    expression->node[*out] = (vlt_node){
        .kind = kind, .column = column, .first = first, .next = -1, .name = -1};
    return VLT_OK;
}

static vlt_node *node_at(parser *p, int index)
{
    return &p->expression->node[index];
}

/* The index of a name, added where it is new. */
static vlt_status intern(parser *p, const char *word, size_t bytes, int column, int *out)
{
    vlt_expression *e = p->expression;
    for (*out = 0; *out < e->names_count; ++*out) {
        const char *known = e->names[*out].text;
        if (strlen(known) == bytes && !memcmp(known, word, bytes)) {
            return VLT_OK;
        }
    }
    void *grown = realloc(e->names, (size_t)(e->names_count + 1) * sizeof *e->names);
    e->names = grown ? grown : e->names;
    char *copy = grown ? strndup(word, bytes) : NULL;
    if (!copy) {
        return vlt_fail(p->err, VLT_STATUS_NOMEM, "%s: out of memory", e->name);
    }
    e->names[e->names_count++] = (vlt_expression_name_entry){copy, column, 0};
    return VLT_OK;
}

static vlt_status add_text(parser *p, int *out)
{
    vlt_expression *e = p->expression;
    void *grown = realloc(e->texts, (size_t)(e->texts_count + 1) * sizeof *e->texts);
    e->texts = grown ? grown : e->texts;
    char *copy = grown ? strndup(p->lexer.word, p->lexer.word_bytes) : NULL;
    if (!copy) {
        return vlt_fail(p->err, VLT_STATUS_NOMEM, "%s: out of memory", e->name);
    }
    e->texts[e->texts_count++] = copy;
    vlt_status status = add_node(p, VLT_NODE_VALUE, p->lexer.column, -1, out);
    if (status == VLT_OK) {
        node_at(p, *out)->value = vlt_scalar_text(copy);
        vlt_lexer_next(&p->lexer);
    }
    return status;
}

static vlt_status add_value(parser *p, vlt_scalar value, int *out)
{
    vlt_status status = add_node(p, VLT_NODE_VALUE, p->lexer.column, -1, out);
    if (status == VLT_OK) {
        node_at(p, *out)->value = value;
        vlt_lexer_next(&p->lexer);
    }
    return status;
}

/* "E, E, E" up to a closing token (taken), chained; *count elements. */
static vlt_status parse_elements(parser *p, vlt_token close, int *first, int *count)
{
    int last = -1;
    *first = -1;
    *count = 0;
    while (p->lexer.token != close) {
        int element;
        vlt_status status = parse_choice(p, &element);
        if (status != VLT_OK) {
            return status;
        }
        *(last < 0 ? first : &node_at(p, last)->next) = element;
        last = element;
        ++*count;
        if (p->lexer.token != VLT_TOKEN_COMMA) {
            break;
        }
        vlt_lexer_next(&p->lexer);
    }
    return take(p, close, close == VLT_TOKEN_CLOSE ? "',' or ')'" : "',' or ']'");
}

static vlt_status parse_call(parser *p, const vlt_lexer *name, int *out)
{
    int function = 0, first, count;
    while (function < VLT_FUNCTION_COUNT &&
           (strlen(functions[function].name) != name->word_bytes ||
            memcmp(functions[function].name, name->word, name->word_bytes) != 0)) {
        function++;
    }
    if (function == VLT_FUNCTION_COUNT) {
        return vlt_expression_fail(p->expression, name->column, p->err, "unknown function '%s'",
                                   vlt_quoted(name->word, name->word_bytes).text);
    }
    vlt_lexer_next(&p->lexer);
    vlt_status status = parse_elements(p, VLT_TOKEN_CLOSE, &first, &count);
    if (status != VLT_OK) {
        return status;
    }
    if (count < functions[function].low || count > functions[function].high) {
        return vlt_expression_fail(
            p->expression, name->column, p->err, "%s() with %d arguments, expected %d to %d",
            functions[function].name, count, functions[function].low, functions[function].high);
    }
    status = add_node(p, VLT_NODE_CALL, name->column, first, out);
    if (status == VLT_OK) {
        node_at(p, *out)->function = (vlt_function)function;
    }
    return status;
}

static vlt_status parse_name(parser *p, int *out)
{
    const vlt_lexer name = p->lexer;
    const char *word = name.word;
    if ((name.word_bytes == 4 && (!memcmp(word, "True", 4) || !memcmp(word, "true", 4))) ||
        (name.word_bytes == 5 && (!memcmp(word, "False", 5) || !memcmp(word, "false", 5)))) {
        return add_value(p, vlt_scalar_bool(name.word_bytes == 4), out);
    }
    vlt_lexer_next(&p->lexer);
    if (p->lexer.token == VLT_TOKEN_OPEN) {
        return parse_call(p, &name, out);
    }
    int index;
    vlt_status status = intern(p, word, name.word_bytes, name.column, &index);
    if (status == VLT_OK) {
        status = add_node(p, VLT_NODE_NAME, name.column, -1, out);
    }
    if (status == VLT_OK) {
        node_at(p, *out)->name = index;
    }
    return status;
}

/* "for NAME in LIST if C ..." behind the element, which becomes the innermost one. */
static vlt_status parse_for(parser *p, int element, int *out)
{
    int variable, list, condition = -1, column = p->lexer.column;
    vlt_lexer_next(&p->lexer);
    if (p->lexer.token != VLT_TOKEN_NAME) {
        return expected(p, "a name");
    }
    vlt_status status = intern(p, p->lexer.word, p->lexer.word_bytes, column, &variable);
    if (status != VLT_OK) {
        return status;
    }
    p->expression->names[variable].slot = -1;
    vlt_lexer_next(&p->lexer);
    if ((status = take(p, VLT_TOKEN_IN, "'in'")) || (status = parse_or(p, &list))) {
        return status;
    }
    if (p->lexer.token == VLT_TOKEN_IF) {
        vlt_lexer_next(&p->lexer);
        if ((status = parse_or(p, &condition)) != VLT_OK) {
            return status;
        }
    }
    if (p->lexer.token == VLT_TOKEN_FOR && (status = parse_for(p, element, &element)) != VLT_OK) {
        return status;
    }
    node_at(p, element)->next = list;
    node_at(p, list)->next = condition;
    status = add_node(p, VLT_NODE_FOR, column, element, out);
    if (status == VLT_OK) {
        node_at(p, *out)->name = variable;
    }
    return status;
}

static vlt_status parse_list(parser *p, vlt_token close, int *out)
{
    int first = -1, count = 0, column = p->lexer.column;
    vlt_status status;
    vlt_lexer_next(&p->lexer);
    if (p->lexer.token != close) {
        if ((status = parse_choice(p, &first)) != VLT_OK) {
            return status;
        }
        if (p->lexer.token == VLT_TOKEN_FOR) {
            status = parse_for(p, first, out);
            return status == VLT_OK ? take(p, close, "the end of the list") : status;
        }
        if (close == VLT_TOKEN_CLOSE && p->lexer.token == VLT_TOKEN_CLOSE) {
            vlt_lexer_next(&p->lexer); /* parentheses around one value are no list */
            *out = first;
            return VLT_OK;
        }
        if (p->lexer.token == VLT_TOKEN_COMMA) {
            vlt_lexer_next(&p->lexer);
            int second; /* nodes move while others are added */
            status = parse_elements(p, close, &second, &count);
            node_at(p, first)->next = second;
        } else {
            status = take(p, close, close == VLT_TOKEN_CLOSE ? "')'" : "',' or ']'");
        }
    } else {
        vlt_lexer_next(&p->lexer);
        status = VLT_OK;
    }
    return status == VLT_OK ? add_node(p, VLT_NODE_LIST, column, first, out) : status;
}

static vlt_status parse_atom(parser *p, int *out)
{
    switch (p->lexer.token) {
    case VLT_TOKEN_NUMBER:
        return add_value(p, p->lexer.number, out);
    case VLT_TOKEN_TEXT:
        return add_text(p, out);
    case VLT_TOKEN_NAME:
        return parse_name(p, out);
    case VLT_TOKEN_OPEN:
        return parse_list(p, VLT_TOKEN_CLOSE, out);
    case VLT_TOKEN_OPEN_LIST:
        return parse_list(p, VLT_TOKEN_CLOSE_LIST, out);
    default:
        return expected(p, "a value");
    }
}

/* Joins two operands under a new node. */
static vlt_status join(parser *p, vlt_node_kind kind, vlt_token token, int column, int left,
                       int right, int *out)
{
    node_at(p, left)->next = right;
    vlt_status status = add_node(p, kind, column, left, out);
    if (status == VLT_OK) {
        node_at(p, *out)->token = token;
    }
    return status;
}

static vlt_status parse_unary(parser *p, int *out)
{
    vlt_token token = p->lexer.token;
    int column = p->lexer.column, operand, right;
    vlt_status status;
    if (p->depth == VLT_EXPRESSION_DEPTH_MAX) {
        return vlt_expression_fail(p->expression, column, p->err, "nested more than %d deep",
                                   VLT_EXPRESSION_DEPTH_MAX);
    }
    p->depth++;
    if (token == VLT_TOKEN_PLUS || token == VLT_TOKEN_MINUS || token == VLT_TOKEN_BIT_NOT ||
        token == VLT_TOKEN_BANG) {
        vlt_lexer_next(&p->lexer);
        status = parse_unary(p, &operand);
        if (status == VLT_OK) {
            status = add_node(p, token == VLT_TOKEN_BANG ? VLT_NODE_NOT : VLT_NODE_UNARY, column,
                              operand, out);
        }
        if (status == VLT_OK) {
            node_at(p, *out)->token = token;
        }
    } else {
        status = parse_atom(p, out);
        column = p->lexer.column;
        if (status == VLT_OK && p->lexer.token == VLT_TOKEN_POWER) {
            vlt_lexer_next(&p->lexer);
            status = parse_unary(p, &right);
            status = status == VLT_OK
                         ? join(p, VLT_NODE_BINARY, VLT_TOKEN_POWER, column, *out, right, out)
                         : status;
        }
    }
    p->depth--;
    return status;
}

static int strength(vlt_token token)
{
    switch (token) {
    case VLT_TOKEN_BIT_OR:
        return 1;
    case VLT_TOKEN_BIT_XOR:
        return 2;
    case VLT_TOKEN_BIT_AND:
        return 3;
    case VLT_TOKEN_SHIFT_LEFT:
    case VLT_TOKEN_SHIFT_RIGHT:
        return 4;
    case VLT_TOKEN_PLUS:
    case VLT_TOKEN_MINUS:
        return 5;
    case VLT_TOKEN_TIMES:
    case VLT_TOKEN_DIVIDE:
    case VLT_TOKEN_FLOOR_DIVIDE:
    case VLT_TOKEN_MODULO:
        return 6;
    default:
        return 0;
    }
}

static vlt_status parse_binary(parser *p, int weakest, int *out)
{
    vlt_status status = parse_unary(p, out);
    while (status == VLT_OK && strength(p->lexer.token) >= weakest) {
        vlt_token token = p->lexer.token;
        int column = p->lexer.column, right;
        vlt_lexer_next(&p->lexer);
        status = parse_binary(p, strength(token) + 1, &right);
        if (status == VLT_OK) {
            status = join(p, VLT_NODE_BINARY, token, column, *out, right, out);
        }
    }
    return status;
}

/* The comparison at hand, "not in" as one; VLT_TOKEN_END for none. Takes it. */
static vlt_token take_relation(parser *p)
{
    vlt_token token = p->lexer.token;
    if (token == VLT_TOKEN_NOT) {
        vlt_lexer ahead = p->lexer;
        vlt_lexer_next(&ahead);
        if (ahead.token != VLT_TOKEN_IN) {
            return VLT_TOKEN_END;
        }
        p->lexer = ahead;
        token = VLT_TOKEN_NOT_IN;
    } else if (token < VLT_TOKEN_LESS || token > VLT_TOKEN_IN) {
        return VLT_TOKEN_END;
    }
    vlt_lexer_next(&p->lexer);
    return token;
}

static vlt_status parse_comparison(parser *p, int *out)
{
    vlt_status status = parse_binary(p, 1, out);
    int column = p->lexer.column, last = *out, first = *out;
    vlt_token relation = status == VLT_OK ? take_relation(p) : VLT_TOKEN_END;
    if (relation == VLT_TOKEN_END) {
        return status;
    }
    while (status == VLT_OK && relation != VLT_TOKEN_END) {
        int operand;
        status = parse_binary(p, 1, &operand);
        if (status == VLT_OK) {
            node_at(p, operand)->relation = relation;
            node_at(p, last)->next = operand;
            last = operand;
            relation = take_relation(p);
        }
    }
    return status == VLT_OK ? add_node(p, VLT_NODE_COMPARE, column, first, out) : status;
}

static vlt_status parse_not(parser *p, int *out)
{
    int column = p->lexer.column, operand, negations = 0;
    while (p->lexer.token == VLT_TOKEN_NOT) {
        vlt_lexer_next(&p->lexer);
        negations++;
    }
    vlt_status status = parse_comparison(p, &operand);
    *out = operand;
    for (int i = 0; i < (negations > 0 ? 2 - negations % 2 : 0) && status == VLT_OK; i++) {
        status = add_node(p, VLT_NODE_NOT, column, *out, out);
    }
    return status;
}

/* An operand of "and", which remembers where it stands. */
static vlt_status parse_operand(parser *p, int *out)
{
    int begin = p->lexer.column - 1;
    vlt_status status = parse_not(p, out);
    if (status == VLT_OK) {
        node_at(p, *out)->begin = begin;
        node_at(p, *out)->end = (int)(p->lexer.before - p->lexer.start);
    }
    return status;
}

static vlt_status parse_and(parser *p, int *out)
{
    vlt_status status = parse_operand(p, out);
    while (status == VLT_OK && p->lexer.token == VLT_TOKEN_AND) {
        int column = p->lexer.column, right;
        vlt_lexer_next(&p->lexer);
        status = parse_operand(p, &right);
        if (status == VLT_OK) {
            status = join(p, VLT_NODE_AND, VLT_TOKEN_AND, column, *out, right, out);
        }
    }
    return status;
}

static vlt_status parse_or(parser *p, int *out)
{
    vlt_status status = parse_and(p, out);
    while (status == VLT_OK && p->lexer.token == VLT_TOKEN_OR) {
        int column = p->lexer.column, right;
        vlt_lexer_next(&p->lexer);
        status = parse_and(p, &right);
        if (status == VLT_OK) {
            status = join(p, VLT_NODE_OR, VLT_TOKEN_OR, column, *out, right, out);
        }
    }
    return status;
}

/* "A if C else B", or A. */
static vlt_status parse_choice(parser *p, int *out)
{
    int column = p->lexer.column, then, condition, otherwise;
    if (p->depth == VLT_EXPRESSION_DEPTH_MAX) {
        return vlt_expression_fail(p->expression, column, p->err, "nested more than %d deep",
                                   VLT_EXPRESSION_DEPTH_MAX);
    }
    p->depth++;
    vlt_status status = parse_or(p, out);
    if (status == VLT_OK && p->lexer.token == VLT_TOKEN_IF) {
        then = *out;
        vlt_lexer_next(&p->lexer);
        if ((status = parse_or(p, &condition)) == VLT_OK &&
            (status = take(p, VLT_TOKEN_ELSE, "'else'")) == VLT_OK &&
            (status = parse_choice(p, &otherwise)) == VLT_OK) {
            node_at(p, condition)->next = then;
            node_at(p, then)->next = otherwise;
            status = add_node(p, VLT_NODE_IF, column, condition, out);
        }
    }
    p->depth--;
    return status;
}

/* Parameters get their places in the order of appearance. */
static void number_names(vlt_expression *expression)
{
    expression->slot_count = 0;
    for (int i = 0; i < expression->names_count; i++) {
        if (expression->names[i].slot >= 0) {
            expression->names[i].slot = expression->slot_count++;
        }
    }
}

vlt_status vlt_expression_parse(const char *text, const char *name, vlt_expression **out,
                                vlt_error *err)
{
    vlt_expression *expression = calloc(1, sizeof *expression);
    *out = NULL;
    if (!expression || !(expression->text = strdup(text)) || !(expression->name = strdup(name))) {
        vlt_expression_destroy(expression);
        return vlt_fail(err, VLT_STATUS_NOMEM, "%s: out of memory", name);
    }
    parser p = {.expression = expression, .err = err};
    p.lexer.start = p.lexer.at = expression->text;
    vlt_lexer_next(&p.lexer);
    vlt_status status = parse_choice(&p, &expression->root);
    if (status == VLT_OK && p.lexer.token != VLT_TOKEN_END) {
        status = expected(&p, "the end");
    }
    if (status != VLT_OK) {
        vlt_expression_destroy(expression);
        return status;
    }
    number_names(expression);
    *out = expression;
    return VLT_OK;
}

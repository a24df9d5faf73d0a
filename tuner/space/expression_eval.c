/* The value of an expression. */
#include <math.h>
#include <stdlib.h>

#include "tuner/space/expression_internal.h"

/* Beyond this a double may not be an int64_t. */
static const double integer_limit = 9.2e18;

static const vlt_node *node_at(const vlt_computation *c, int index)
{
    return &c->expression->node[index];
}

static vlt_status fail(const vlt_computation *c, const vlt_node *node, const char *what)
{
    return vlt_expression_fail(c->expression, node->column, c->err, "%s", what);
}

/* A number in *out; INPUT for a text. */
static vlt_status compute_number(vlt_computation *c, int node, vlt_scalar *out)
{
    vlt_status status = vlt_expression_compute(c, node, out);
    return status == VLT_OK && out->kind == VLT_SCALAR_TEXT
               ? fail(c, node_at(c, node), "a text where a number is needed")
               : status;
}

static vlt_status put_real(const vlt_computation *c, const vlt_node *node, double real,
                           vlt_scalar *out)
{
    *out = vlt_scalar_real(real);
    return isfinite(real) ? VLT_OK : fail(c, node, "the result is no finite number");
}

/* An integer where it fits, else a real. */
static vlt_status put_whole(const vlt_computation *c, const vlt_node *node, double real,
                            vlt_scalar *out)
{
    if (fabs(real) < integer_limit) {
        *out = vlt_scalar_integer((int64_t)real);
        return VLT_OK;
    }
    return put_real(c, node, real, out);
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static vlt_status divide(const vlt_computation *c, const vlt_node *node, const vlt_scalar *a,
                         const vlt_scalar *b, vlt_scalar *out)
{
    double x = vlt_scalar_number(a), y = vlt_scalar_number(b);
    bool whole = a->kind != VLT_SCALAR_REAL && b->kind != VLT_SCALAR_REAL;
    if (y == 0) {
        return fail(c, node, "division by zero");
    }
    if (node->token == VLT_TOKEN_DIVIDE) {
        return put_real(c, node, x / y, out);
    }
    if (!whole) {
        double quotient = floor(x / y);
        return put_real(c, node, node->token == VLT_TOKEN_MODULO ? x - quotient * y : quotient,
                        out);
    }
    if (b->integer == -1) { /* INT64_MIN / -1 does not fit */
        return node->token == VLT_TOKEN_MODULO ? put_whole(c, node, 0, out)
                                               : put_whole(c, node, -x, out);
    }
    int64_t quotient = floor_divide(a->integer, b->integer);
    *out = vlt_scalar_integer(node->token == VLT_TOKEN_MODULO ? a->integer - quotient * b->integer
                                                              : quotient);
    return VLT_OK;
}

static vlt_status power(const vlt_computation *c, const vlt_node *node, const vlt_scalar *a,
                        const vlt_scalar *b, vlt_scalar *out)
{
    double real = pow(vlt_scalar_number(a), vlt_scalar_number(b));
    bool whole = a->kind != VLT_SCALAR_REAL && b->kind != VLT_SCALAR_REAL && b->integer >= 0 &&
                 fabs(real) < integer_limit;
    if (!whole) {
        return vlt_scalar_number(a) == 0 && vlt_scalar_number(b) < 0
                   ? fail(c, node, "division by zero")
                   : put_real(c, node, real, out);
    }
    int64_t product = 1;
    for (int64_t i = 0; i < b->integer && product != 0 && (i < 64 || a->integer != 1); i++) {
        product *= a->integer;
        if (a->integer == -1) {
            product = b->integer % 2 ? -1 : 1;
            break;
        }
    }
    *out = vlt_scalar_integer(product);
    return VLT_OK;
}

static vlt_status bits(const vlt_computation *c, const vlt_node *node, const vlt_scalar *a,
                       const vlt_scalar *b, vlt_scalar *out)
{
    if (a->kind == VLT_SCALAR_REAL || b->kind == VLT_SCALAR_REAL) {
        return fail(c, node, "a real where an integer is needed");
    }
    int64_t x = a->integer, y = b->integer;
    switch (node->token) {
    case VLT_TOKEN_BIT_AND:
        *out = vlt_scalar_integer(x & y);
        return VLT_OK;
    case VLT_TOKEN_BIT_OR:
        *out = vlt_scalar_integer(x | y);
        return VLT_OK;
    case VLT_TOKEN_BIT_XOR:
        *out = vlt_scalar_integer(x ^ y);
        return VLT_OK;
    default:
        break;
    }
    if (y < 0 || y > 1000) {
        return fail(c, node, "a shift by fewer than 0 or more than 1000 bits");
    }
    if (node->token == VLT_TOKEN_SHIFT_LEFT) {
        return put_whole(c, node, ldexp((double)x, (int)y), out);
    }
    *out = vlt_scalar_integer(y > 62 ? (x < 0 ? -1 : 0) : floor_divide(x, INT64_C(1) << y));
    return VLT_OK;
}

static vlt_status arithmetic(const vlt_computation *c, const vlt_node *node, const vlt_scalar *a,
                             const vlt_scalar *b, vlt_scalar *out)
{
    double x = vlt_scalar_number(a), y = vlt_scalar_number(b);
    double real = node->token == VLT_TOKEN_PLUS    ? x + y
                  : node->token == VLT_TOKEN_MINUS ? x - y
                                                   : x * y;
    if (a->kind == VLT_SCALAR_REAL || b->kind == VLT_SCALAR_REAL || fabs(real) >= integer_limit) {
        return put_real(c, node, real, out);
    }
    *out = vlt_scalar_integer(node->token == VLT_TOKEN_PLUS    ? a->integer + b->integer
                              : node->token == VLT_TOKEN_MINUS ? a->integer - b->integer
                                                               : a->integer * b->integer);
    return VLT_OK;
}

static vlt_status compute_binary(vlt_computation *c, const vlt_node *node, vlt_scalar *out)
{
    vlt_scalar a, b;
    vlt_status status = compute_number(c, node->first, &a);
    status = status == VLT_OK ? compute_number(c, node_at(c, node->first)->next, &b) : status;
    if (status != VLT_OK) {
        return status;
    }
    switch (node->token) {
    case VLT_TOKEN_PLUS:
    case VLT_TOKEN_MINUS:
    case VLT_TOKEN_TIMES:
        return arithmetic(c, node, &a, &b, out);
    case VLT_TOKEN_DIVIDE:
    case VLT_TOKEN_FLOOR_DIVIDE:
    case VLT_TOKEN_MODULO:
        return divide(c, node, &a, &b, out);
    case VLT_TOKEN_POWER:
        return power(c, node, &a, &b, out);
    default:
        return bits(c, node, &a, &b, out);
    }
}

static vlt_status compute_unary(vlt_computation *c, const vlt_node *node, vlt_scalar *out)
{
    vlt_scalar a;
    vlt_status status = compute_number(c, node->first, &a);
    if (status != VLT_OK) {
        return status;
    }
    if (node->token == VLT_TOKEN_BIT_NOT) {
        *out = vlt_scalar_integer(~a.integer);
        return a.kind == VLT_SCALAR_REAL ? fail(c, node, "a real where an integer is needed")
                                         : VLT_OK;
    }
    double sign = node->token == VLT_TOKEN_MINUS ? -1 : 1;
    if (a.kind == VLT_SCALAR_REAL || a.integer == INT64_MIN) {
        return put_real(c, node, sign * vlt_scalar_number(&a), out);
    }
    *out = vlt_scalar_integer(sign < 0 ? -a.integer : a.integer);
    return VLT_OK;
}

/* Is `value` in the list under `node`? */
static vlt_status is_in(vlt_computation *c, const vlt_scalar *value, int node, bool *out)
{
    *out = false;
    if (node_at(c, node)->kind != VLT_NODE_LIST) {
        return fail(c, node_at(c, node), "'in' needs a list, such as (1, 2)");
    }
    for (int i = node_at(c, node)->first; i >= 0; i = node_at(c, i)->next) {
        vlt_scalar element;
        vlt_status status = vlt_expression_compute(c, i, &element);
        if (status != VLT_OK) {
            return status;
        }
        *out = *out || !vlt_scalar_compare(value, &element);
    }
    return VLT_OK;
}

static vlt_status relate(const vlt_computation *c, const vlt_node *node, const vlt_scalar *a,
                         vlt_token relation, const vlt_scalar *b, bool *out)
{
    bool texts = (a->kind == VLT_SCALAR_TEXT) + (b->kind == VLT_SCALAR_TEXT) == 1;
    int order = vlt_scalar_compare(a, b);
    if (texts && relation != VLT_TOKEN_EQUAL && relation != VLT_TOKEN_NOT_EQUAL) {
        return fail(c, node, "a text compared with a number");
    }
    *out = relation == VLT_TOKEN_LESS            ? order < 0
           : relation == VLT_TOKEN_LESS_EQUAL    ? order <= 0
           : relation == VLT_TOKEN_GREATER       ? order > 0
           : relation == VLT_TOKEN_GREATER_EQUAL ? order >= 0
           : relation == VLT_TOKEN_EQUAL         ? order == 0
                                                 : order != 0;
    return VLT_OK;
}

static vlt_status compute_chain(vlt_computation *c, const vlt_node *node, vlt_scalar *out)
{
    vlt_scalar left, right = {0};
    bool truth = true;
    vlt_status status = vlt_expression_compute(c, node->first, &left);
    for (int i = node_at(c, node->first)->next; i >= 0 && truth && status == VLT_OK;
         i = node_at(c, i)->next) {
        vlt_token relation = node_at(c, i)->relation;
        if (relation == VLT_TOKEN_IN || relation == VLT_TOKEN_NOT_IN) {
            status = is_in(c, &left, i, &truth);
            truth = truth == (relation == VLT_TOKEN_IN);
            continue; /* a list ends the chain: nothing compares with it */
        }
        status = vlt_expression_compute(c, i, &right);
        status = status == VLT_OK ? relate(c, node, &left, relation, &right, &truth) : status;
        left = right;
    }
    *out = vlt_scalar_bool(truth);
    return status;
}

static vlt_status compute_extreme(vlt_computation *c, const vlt_node *node, vlt_scalar *out)
{
    vlt_status status = compute_number(c, node->first, out);
    for (int i = node_at(c, node->first)->next; i >= 0 && status == VLT_OK;
         i = node_at(c, i)->next) {
        vlt_scalar other;
        status = compute_number(c, i, &other);
        if (status == VLT_OK) {
            int order = vlt_scalar_compare(&other, out);
            *out = (node->function == VLT_FUNCTION_min ? order < 0 : order > 0) ? other : *out;
        }
    }
    return status;
}

static vlt_status compute_call(vlt_computation *c, const vlt_node *node, vlt_scalar *out)
{
    vlt_scalar a, b;
    if (node->function >= VLT_FUNCTION_range) {
        return fail(c, node, "a list where one value is needed");
    }
    if (node->function == VLT_FUNCTION_min || node->function == VLT_FUNCTION_max) {
        return compute_extreme(c, node, out);
    }
    vlt_status status = compute_number(c, node->first, &a);
    if (status == VLT_OK && node->function == VLT_FUNCTION_pow) {
        status = compute_number(c, node_at(c, node->first)->next, &b);
        return status == VLT_OK ? power(c, node, &a, &b, out) : status;
    }
    if (status != VLT_OK) {
        return status;
    }
    double x = vlt_scalar_number(&a);
    bool whole = a.kind != VLT_SCALAR_REAL;
    switch (node->function) {
    case VLT_FUNCTION_abs:
        return whole ? put_whole(c, node, fabs(x), out) : put_real(c, node, fabs(x), out);
    case VLT_FUNCTION_float:
        return put_real(c, node, x, out);
    case VLT_FUNCTION_bool:
        *out = vlt_scalar_bool(x != 0);
        return VLT_OK;
    case VLT_FUNCTION_sqrt:
        return put_real(c, node, sqrt(x), out);
    case VLT_FUNCTION_log:
        return put_real(c, node, log(x), out);
    case VLT_FUNCTION_log2:
        return put_real(c, node, log2(x), out);
    default: /* int, round, floor, ceil */
        *out = vlt_scalar_integer(a.integer);
        return whole ? VLT_OK
                     : put_whole(c, node,
                                 node->function == VLT_FUNCTION_int     ? trunc(x)
                                 : node->function == VLT_FUNCTION_round ? nearbyint(x)
                                 : node->function == VLT_FUNCTION_floor ? floor(x)
                                                                        : ceil(x),
                                 out);
    }
}

/* and, or: the right side is looked at only where the left one does not decide. */
static vlt_status compute_logic(vlt_computation *c, const vlt_node *node, vlt_scalar *out)
{
    vlt_status status = vlt_expression_compute(c, node->first, out);
    if (status == VLT_OK && vlt_scalar_true(out) == (node->kind == VLT_NODE_AND)) {
        status = vlt_expression_compute(c, node_at(c, node->first)->next, out);
    }
    return status;
}

vlt_status vlt_expression_compute(vlt_computation *c, int index, vlt_scalar *out)
{
    const vlt_node *node = node_at(c, index);
    vlt_status status;
    int slot;
    switch (node->kind) {
    case VLT_NODE_VALUE:
        *out = node->value;
        return VLT_OK;
    case VLT_NODE_NAME:
        slot = c->expression->names[node->name].slot;
        if (slot < 0 && !c->variables) {
            return fail(c, node, "the variable of a list outside of it");
        }
        *out = slot < 0 ? c->variables[node->name] : c->parameters[slot];
        return VLT_OK;
    case VLT_NODE_UNARY:
        return compute_unary(c, node, out);
    case VLT_NODE_BINARY:
        return compute_binary(c, node, out);
    case VLT_NODE_NOT:
        status = vlt_expression_compute(c, node->first, out);
        *out = vlt_scalar_bool(status == VLT_OK && !vlt_scalar_true(out));
        return status;
    case VLT_NODE_AND:
    case VLT_NODE_OR:
        return compute_logic(c, node, out);
    case VLT_NODE_COMPARE:
        return compute_chain(c, node, out);
    case VLT_NODE_IF:
        status = vlt_expression_compute(c, node->first, out);
        if (status == VLT_OK) {
            int then = node_at(c, node->first)->next;
            status = vlt_expression_compute(c, vlt_scalar_true(out) ? then : node_at(c, then)->next,
                                            out);
        }
        return status;
    case VLT_NODE_CALL:
        return compute_call(c, node, out);
    default:
        return fail(c, node, "a list where one value is needed");
    }
}

vlt_status vlt_expression_eval(const vlt_expression *expression, const vlt_scalar *values,
                               vlt_scalar *out, vlt_error *err)
{
    vlt_computation c = {.expression = expression, .parameters = values, .err = err};
    return vlt_expression_compute(&c, expression->root, out);
}

vlt_status vlt_expression_true(const vlt_expression *expression, const vlt_scalar *values,
                               bool *out, vlt_error *err)
{
    vlt_scalar value;
    vlt_status status = vlt_expression_eval(expression, values, &value, err);
    *out = status == VLT_OK && vlt_scalar_true(&value);
    return status;
}

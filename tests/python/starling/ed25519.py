"""Ed25519 signatures under the rule of ZIP-215, and the refusal of keys of small order.

A signature (R, S) of a message by key A is valid if R and A are encodings of points (canonical or
not), S is below the order of the base point, and [8]([S]B - [k]A - R) is the neutral point, with
k = SHA-512(R, A, message), bytes as they came. Source: ZIP-215, RFC 8032 section 5.1.

Nothing here is secret, so nothing needs constant time.
"""

from functools import lru_cache
from hashlib import sha512

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add(one, other):
    """Adds two points in extended coordinates (X, Y, Z, T), x = X/Z, y = Y/Z, xy = T/Z."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a = (y1 - x1) * (y2 - x2) % P
    b = (y1 + x1) * (y2 + x2) % P
    c = 2 * D * t1 * t2 % P
    d = 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(point):
    x, y, z, _ = point
    a, b, c = x * x % P, y * y % P, 2 * z * z % P
    h = a + b
    e = h - (x + y) * (x + y)
    g = a - b
    f = c + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def negate(point):
    x, y, z, t = point
    return P - x, y, z, P - t


def is_neutral(point):
    x, y, z, _ = point
    return x % P == 0 and (y - z) % P == 0


@lru_cache(maxsize=4096)
def decode_point(data):
    """Returns the point of 32 bytes, or None. Values of y above the prime are taken modulo it."""
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    y %= P
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT_OF_MINUS_ONE % P
        if v * x * x % P != u:
            return None
    if x & 1 != sign:
        x = -x % P
    return x, y, 1, x * y % P


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_small_order(point):
    """Says whether eight times the point is the neutral one."""
    return is_neutral(double(double(double(point))))


@lru_cache(maxsize=4096)
def is_public_key(data):
    """Says whether Starling takes these 32 bytes for a key: a point, and not of small order."""
    point = decode_point(data)
    return point is not None and not is_small_order(point)


@lru_cache(maxsize=64)
def _multiples(point):
    """Returns 0 to 15 times a point."""
    table = [NEUTRAL]
    for _ in range(15):
        table.append(add(table[-1], point))
    return tuple(table)


def _sum_of_products(one, p, other, q):
    """Returns [one]p + [other]q, four bits of both at a time."""
    multiples_of_p, multiples_of_q = _multiples(p), _multiples(q)
    total = NEUTRAL
    for shift in range(252, -4, -4):
        total = double(double(double(double(total))))
        total = add(total, multiples_of_p[one >> shift & 15])
        total = add(total, multiples_of_q[other >> shift & 15])
    return total


def satisfies_equation(key, message, signature):
    """Says whether a signature satisfies ZIP-215, whatever the order of the key."""
    a, r = decode_point(bytes(key)), decode_point(bytes(signature[:32]))
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER or len(signature) != 64:
        return False
    k = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    difference = add(_sum_of_products(s, BASE, k, negate(a)), negate(r))
    return is_small_order(difference)


def verify(key, message, signature):
    """Says whether Starling takes a signature for valid."""
    return is_public_key(bytes(key)) and satisfies_equation(key, message, signature)


def public_key(seed):
    """Returns the public key of a secret seed of 32 bytes; for test keys, not for secrets."""
    scalar = int.from_bytes(sha512(seed).digest()[:32], "little")
    scalar = scalar & ~7 & (2**254 - 1) | 2**254
    x, y, z, _ = _sum_of_products(scalar % ORDER, BASE, 0, NEUTRAL)
    inverse = pow(z, -1, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")

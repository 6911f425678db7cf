/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page types, exhaustively in a small scope: tables of four entries, five frames; from the empty state every operation with every stop for preemption is
 * applied to every state reached, breadth first, and each result is checked in full. PGTYPE_STATES sets how many states are expanded.
 */
#define RIG_ENTRIES 4u
#include "rig.h"

#define FRAMES    5u
#define CONTENT   2u /* entries of a frame that change: 0 and 1 */
#define HASH_SIZE (1u << 20)

/* What one state is. The clock is left out: TLBs are the other test's. */
struct snapshot {
    uint64_t state[FRAMES];
    uint64_t word[FRAMES][CONTENT];
    uint32_t progress[FRAMES];
};

static struct snapshot *queue;
static unsigned int queued, capacity, *hash;
static unsigned int checks_left; /* until preemption is due; ~0: never */

static bool rig_preempt(void)
{
    if (checks_left == ~0u) {
        return false;
    }
    if (checks_left > 0) {
        checks_left--;
        return false;
    }
    return true;
}

static void save(struct snapshot *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned int i = 0; i < FRAMES; i++) {
        s->state[i] = frame_read(frame(i));
        if (frame_type_refs(s->state[i]) == 0) {
            s->state[i] &= ~FRAME_TYPE_MASK; /* what it was decides on flushes only */
        }
        for (unsigned int k = 0; k < CONTENT; k++) {
            s->word[i][k] = words(i)[k];
        }
        s->progress[i] = s->state[i] & FRAME_PARTIAL ? *frame_aux(frame(i)) : 0;
    }
}

static void restore(const struct snapshot *s)
{
    for (unsigned int i = 0; i < FRAMES; i++) {
        bool l4 = frame_type(s->state[i]) == FT_L4 && frame_type_refs(s->state[i]) > 0;

        *frame_state(frame(i)) = s->state[i];
        *frame_aux(frame(i)) = s->progress[i];
        for (unsigned int k = 0; k < RIG_ENTRIES; k++) {
            words(i)[k] = k < CONTENT ? s->word[i][k] : l4 && k == L4_SLOT_FIRST ? SLOT_MAGIC : 0;
        }
    }
}

static void enqueue(const struct snapshot *s)
{
    const uint8_t *b = (const uint8_t *)s;
    uint64_t h = 14695981039346656037ull;

    for (size_t i = 0; i < sizeof(*s); i++) {
        h = (h ^ b[i]) * 1099511628211ull;
    }
    for (unsigned int slot = h % HASH_SIZE;; slot = (slot + 1) % HASH_SIZE) {
        if (hash[slot] == 0) {
            if (queued < capacity) {
                queue[queued++] = *s;
                hash[slot] = queued;
            }
            return;
        }
        if (memcmp(&queue[hash[slot] - 1], s, sizeof(*s)) == 0) {
            return;
        }
    }
}

/* Operation @n on the current state; false when there is none of that number. */
static bool operation(unsigned int n)
{
    struct pgtype_ctx ctx = rig_ctx();
    unsigned int values = 1 + 2 * FRAMES;
    mfn_t left;

    if (n < FRAMES * 4) {
        pgtype_pin(&ctx, frame(n / 4), DOM, (enum frame_type)(FT_L1 + n % 4));
        return true;
    }
    n -= FRAMES * 4;
    if (n < FRAMES) {
        pgtype_unpin(&ctx, frame(n), DOM);
        return true;
    }
    n -= FRAMES;
    if (n < FRAMES) {
        pgtype_finish(&ctx, frame(n));
        return true;
    }
    n -= FRAMES;
    if (n < FRAMES * CONTENT * values) {
        unsigned int v = n % values;
        uint64_t val = v == 0 ? 0 : mfn_to_paddr(frame((v - 1) / 2)) | PTE_P | (v % 2 ? PTE_RW : 0);

        rig_update(n / values / CONTENT, n / values % CONTENT, val, 0, DOM, &left);
        return true;
    }
    return false;
}

static void everything_reachable(void **state)
{
    const char *env = getenv("PGTYPE_STATES");
    unsigned int expand = env ? (unsigned int)atoi(env) : 4000;
    struct snapshot s;
    uint64_t results = 0;

    capacity = HASH_SIZE / 2;
    queue = calloc(capacity, sizeof(*queue));
    hash = calloc(HASH_SIZE, sizeof(*hash));
    queued = 0;
    rig_reset(FRAMES, 0);
    /* begin with a tree half built, so that depth comes early: 0 -> 1 -> 2 -> 3, as contents only */
    save(&s);
    enqueue(&s);
    for (unsigned int i = 0; i < 3; i++) {
        words(i)[0] = mfn_to_paddr(frame(i + 1)) | PTE_P;
        words(i)[1] = mfn_to_paddr(frame(i + 1)) | PTE_P;
        save(&s);
        enqueue(&s);
    }
    words(3)[0] = mfn_to_paddr(frame(4)) | PTE_P | PTE_RW;
    words(3)[1] = mfn_to_paddr(frame(0)) | PTE_P;
    save(&s);
    enqueue(&s);
    for (unsigned int done = 0; done < queued && done < expand; done++) {
        for (unsigned int n = 0;; n++) {
            bool more = true;

            for (unsigned int stop = 0; stop <= 4 && more; stop++) {
                restore(&queue[done]);
                checks_left = stop == 4 ? ~0u : stop;
                more = operation(n);
                if (more) {
                    rig_check();
                    save(&s);
                    enqueue(&s);
                    results++;
                }
            }
            if (!more) {
                break;
            }
        }
        restore(&queue[done]);
        checks_left = done % 3 ? ~0u : 0;
        rig_teardown();
    }
    print_message("%lu results, %u states\n", (unsigned long)results, queued);
    assert_true(queued > 1000);
    free(queue);
    free(hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_reachable)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

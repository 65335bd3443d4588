//! The heap that the worker holds: an allocator that counts what is allocated while the worker runs, whoever frees it.
#![allow(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

use crate::support::IN_WORKER;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Whether what is allocated from now on counts.
pub(crate) fn count(on: bool) {
    COUNTING.store(on, Ordering::Relaxed);
}

/// Bytes that were counted and are not freed.
pub(crate) fn held() -> i64 {
    HEAP.load(Ordering::Relaxed)
}

struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static HEAP: AtomicI64 = AtomicI64::new(0);
/// Before each allocation: whether it was counted.
const TAG_BYTES: usize = 16;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every block comes from `System` with its size raised by `TAG_BYTES` and is given back with the same layout.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(tagged) = tagged(layout) else { return unsafe { System.alloc(layout) } };
        let block = unsafe { System.alloc(tagged) };
        if block.is_null() {
            return block;
        }
        let counted = IN_WORKER.load(Ordering::Relaxed) && COUNTING.load(Ordering::Relaxed);
        if counted {
            HEAP.fetch_add(layout.size() as i64, Ordering::Relaxed);
        }
        unsafe {
            block.write(u8::from(counted));
            block.add(TAG_BYTES)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(tagged) = tagged(layout) else { return unsafe { System.dealloc(block, layout) } };
        unsafe {
            let start = block.sub(TAG_BYTES);
            if start.read() == 1 {
                HEAP.fetch_sub(layout.size() as i64, Ordering::Relaxed);
            }
            System.dealloc(start, tagged);
        }
    }
}

/// Larger alignments are rare and go uncounted.
fn tagged(layout: Layout) -> Option<Layout> {
    let size = layout.size().checked_add(TAG_BYTES)?;
    (layout.align() <= TAG_BYTES).then(|| Layout::from_size_align(size, TAG_BYTES).ok()).flatten()
}

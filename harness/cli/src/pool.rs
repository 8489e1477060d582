//! Work for several threads. What comes out does not depend on how many there are, but for its order.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// So many threads as were asked for; else as many as this machine runs at once.
pub(crate) fn threads(asked: Option<u16>) -> usize {
    let own = || thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(own, usize::from)
}

/// Does `work` for each item on so many threads, and hands each result to `told` as it comes, with
/// its item's place. `told` says whether to go on; what has begun is still finished and told.
pub(crate) fn each<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut told: impl FnMut(usize, R) -> bool,
) {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            let sender = sender.clone();
            let (work, next, stop) = (&work, &next, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { return };
                    if sender.send((place, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (place, result) in receiver {
            if !told(place, result) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once_on_any_number_of_threads() {
        let items: Vec<u32> = (0..100).collect();
        for threads in [0, 1, 3, 500] {
            let mut done = vec![None; items.len()];
            each(
                threads,
                &items,
                |item| item * 2,
                |place, result| {
                    assert_eq!(done[place].replace(result), None);
                    true
                },
            );
            assert!(done.iter().zip(&items).all(|(done, item)| *done == Some(item * 2)));
        }
    }

    #[test]
    fn nothing_is_begun_once_it_was_told_to_stop() {
        let items: Vec<u32> = (0..1_000_000).collect();
        let mut told = 0_usize;
        each(
            2,
            &items,
            |item| *item,
            |_, _| {
                told += 1;
                told < 5
            },
        );
        assert!((5..items.len()).contains(&told), "{told}");
    }
}

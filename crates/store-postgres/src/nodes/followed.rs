//! What the other nodes have followed of the writes of this one.

use std::sync::Weak;
use std::time::Duration;

use aicp_types::Sequence;
use tokio::sync::watch;

use super::Membership;

/// Pauses between questions: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));
/// Pause after a failed question.
const RETRY: Duration = Duration::from_millis(50);

/// The last change that somebody waits for, and the last that all others have followed.
pub(super) struct Followed {
    wanted: watch::Sender<i64>,
    reached: watch::Sender<i64>,
}

impl Default for Followed {
    fn default() -> Self {
        Self { wanted: watch::Sender::new(0), reached: watch::Sender::new(0) }
    }
}

impl Followed {
    /// Waits until all others have followed a change.
    pub async fn wait_for(&self, sequence: Sequence) {
        let sequence = i64::try_from(sequence.get()).unwrap_or(i64::MAX);
        let mut reached = self.reached.subscribe();
        self.wanted.send_if_modified(|wanted| {
            let is_later = sequence > *wanted;
            *wanted = sequence.max(*wanted);
            is_later
        });
        // Fails only if the sender is gone, which this holds.
        let _ = reached.wait_for(|reached| *reached >= sequence).await;
    }
}

/// Wakes the other nodes when somebody waits, and asks how far they are. One question serves all who wait, and one notification all
/// writes since the last: a notification takes a lock of the whole server.
pub(super) async fn watch(membership: Weak<Membership>) {
    let Some(mut wanted) = membership.upgrade().map(|node| node.followed.wanted.subscribe()) else { return };
    let mut notified = 0;
    let mut pause = PAUSES.0;
    loop {
        let Some(node) = membership.upgrade() else { return };
        let (goal, reached) = (*wanted.borrow_and_update(), *node.followed.reached.borrow());
        if reached >= goal {
            drop(node);
            if wanted.changed().await.is_err() {
                return;
            }
            pause = PAUSES.0;
            continue;
        }
        let asked = async {
            let live = node.live()?;
            if goal > notified {
                live.notify().await?;
                notified = goal;
            }
            live.followed_by_others().await
        };
        match asked.await {
            Ok(followed) if followed > reached => {
                // Who has nobody to wait for may go on, and has followed no later change.
                node.followed.reached.send_replace(followed.min(goal));
                pause = PAUSES.0;
            }
            Ok(_) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

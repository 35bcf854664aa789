//! Work that blocks, beside the runtime: so many at once, so many waiting, and no more
//! (spec: relay.md 10.8).

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::Semaphore;

use crate::api_error::ApiError;

/// Seconds after which a full lane is worth another try.
const RETRY_S: u64 = 2;

/// A lane for one kind of work.
#[derive(Debug, Clone)]
pub struct Lane {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Lane {
    /// So many run at once, so many more wait.
    pub fn new(running_max: usize, waiting_max: usize) -> Lane {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        Lane { running: semaphore(running_max), places: semaphore(running_max + waiting_max) }
    }

    /// Runs `work` when its turn comes. Who goes away while waiting gives its place back; work
    /// that has begun is finished and holds its place until then.
    ///
    /// # Errors
    /// 503 if too many wait, 500 if the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let text = "The relay is busy. Please wait and try again.";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(RETRY_S)
        })?;
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.expect("the semaphore is never closed");
        let outcome = tokio::task::spawn_blocking(move || {
            let _held = (place, running);
            work()
        });
        outcome.await.map_err(|crash| {
            tracing::error!(%crash, "work for a request crashed");
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[tokio::test]
    async fn work_beyond_the_queue_is_refused_and_the_rest_is_done() {
        let lane = Lane::new(1, 1);
        let (release, gate) = sync_channel::<()>(0);
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let lane = lane.clone();
            async move {
                let work = move || {
                    let _ = begun.send(());
                    gate.recv()
                };
                lane.run(work).await
            }
        });
        has_begun.await.unwrap();
        let mut second = Box::pin(lane.run(|| 2));
        assert!(
            std::future::poll_fn(|cx| std::task::Poll::Ready(second.as_mut().poll(cx)))
                .await
                .is_pending()
        );
        let refused = lane.run(|| 3).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.retry_after_s.is_some());
        release.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        assert_eq!(second.await.unwrap(), 2);
    }
}

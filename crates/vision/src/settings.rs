//! Settings of inference.

use std::num::NonZeroUsize;

use aicp_settings::{Seconds, settings, within};

use crate::{Inference, PoolSize, PrecisionChoice, RuntimeChoice, TimeLimits};

settings! {
    /// Inference workers.
    pub struct Settings {
        /// Number of worker threads; 0: one per core.
        workers: usize = 0,
        /// Maximum number of calls with credentials that wait for a worker; half as many others may wait. One more is
        /// answered "busy". 0: 32 per worker.
        queue: usize = 0,
        /// Maximum seconds that a call waits for a worker; then it is answered "busy".
        wait_seconds: Seconds = Seconds::new(10) => within(Seconds::new(1)..=Seconds::new(3600)),
        /// Maximum seconds that a worker spends on a call; then it is answered "busy".
        job_seconds: Seconds = Seconds::new(20) => within(Seconds::new(1)..=Seconds::new(3600)),
        /// Runtime of the networks: `auto`, `onnxruntime` or `openvino` (docs/models.md). `auto` chooses OpenVINO if
        /// its plugin is present and loads, and the processor is one of Intel with AVX2; otherwise ONNX Runtime.
        runtime: RuntimeChoice = RuntimeChoice::Auto,
        /// Arithmetic of the networks: `auto`, `f32` or `bf16` (docs/models.md). `auto` chooses bf16 if OpenVINO runs
        /// and the processor has AMX; otherwise f32.
        precision: PrecisionChoice = PrecisionChoice::Auto,
    }
}

impl Settings {
    /// Returns the size of the pool on this machine.
    pub fn pool_size(&self) -> PoolSize {
        let defaults = PoolSize::for_this_machine();
        PoolSize {
            workers: NonZeroUsize::new(self.workers).unwrap_or(defaults.workers),
            queue: NonZeroUsize::new(self.queue).unwrap_or(defaults.queue),
        }
    }

    /// Returns the time limits of callers' jobs.
    pub fn time_limits(&self) -> TimeLimits {
        TimeLimits { wait: self.wait_seconds.duration(), job: self.job_seconds.duration() }
    }

    /// Returns the requested runtime and arithmetic.
    pub fn inference(&self) -> Inference {
        Inference { runtime: self.runtime, precision: self.precision }
    }
}

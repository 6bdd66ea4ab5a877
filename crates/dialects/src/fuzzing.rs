//! Access to private functions for the fuzz targets. Each dialect has a module of its own.

pub use crate::aicp::fuzzing as aicp;
pub use crate::jdcloud::fuzzing as jdcloud;
pub use crate::linkvisual::fuzzing as linkvisual;
pub use crate::tencent_im::fuzzing as tencent_im;

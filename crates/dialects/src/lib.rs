//! HTTP dialects: each module translates one wire protocol to platform calls and back, authenticates its requests and
//! formats its errors.
//!
//! - [`aicp`]: the AICP manual's interfaces.
//! - [`jdcloud`]: the face calls of JD Cloud.
//! - [`linkvisual`]: the face library of Alibaba Cloud LinkVisual.
//! - [`tencent_im`]: friends, friend groups and accounts of Tencent Cloud IM.
//!
//! All dialects share one port. The path, as sent, selects the dialect, except that for `/` LinkVisual also looks at
//! the rest of the request.

pub mod aicp;
mod field_name;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod jdcloud;
mod keys;
mod lenient;
mod links;
pub mod linkvisual;
mod query;
mod shanghai;
pub mod tencent_im;

use std::sync::Arc;

use aicp_requests::{Interface, Shared};

pub use keys::{CreatedKey, KeyKind, KeyRequest};
pub use links::{LinkSettings, Site};

/// Settings of the dialects for one listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses under which clients reach this listener.
    pub site: Site,
    /// The AICP manual's interfaces.
    pub aicp: aicp::Options,
    /// The face calls of JD Cloud.
    pub jdcloud: jdcloud::Settings,
    /// The face library of LinkVisual.
    pub linkvisual: linkvisual::Settings,
    /// Friends, friend groups and accounts of Tencent IM.
    pub tencent_im: tencent_im::Settings,
}

/// What all dialects of one listener share.
struct Context {
    shared: Shared,
    options: Options,
    im_callers: tencent_im::CallerState,
}

/// Returns the dialects of one listener. The last answers every request that no other claims.
pub fn interfaces(shared: Shared, options: Options) -> Vec<Box<dyn Interface>> {
    let context = Arc::new(Context { shared, options, im_callers: tencent_im::CallerState::default() });
    vec![
        Box::new(jdcloud::JdCloud(Arc::clone(&context))),
        Box::new(tencent_im::TencentIm(Arc::clone(&context))),
        Box::new(linkvisual::LinkVisual(Arc::clone(&context))),
        Box::new(aicp::Aicp(context)),
    ]
}

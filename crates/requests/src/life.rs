//! The life of a call, the same in every interface.
//!
//! [`serve`] owns the order of the steps. An interface fills them in: it implements [`Wire`] for a request whose head
//! has been read.
//!
//! 0. A call of an address that has made too many is refused ([`Wire::too_often`]).
//! 1. [`Wire::claim`]: the head says who calls. It proves the caller, or a signature covers the body too.
//! 2. A signed body is read within its limits and the memory budget, and then verified ([`Signature::verify`]).
//! 3. [`Wire::admit`]: grants, rates, and what else may refuse the call.
//! 4. Any other body is read.
//! 5. The entry of the call log begins ([`Wire::log_entry`]), before step 4 if [`Wire::LOGS_UPLOAD`].
//! 6. [`Wire::run`]: the call itself. Its log entry ends, or is discarded if the call was refused before it started.
//! 7. [`Wire::render`]: the answer, charged to the budget of unsent answers where the interface says so.
//!
//! A failure of any step skips to the last. Finding the operation is no step of its own: one interface names it in the
//! path, another in the signed body, a third shows its paths only to callers who are known. Whoever finds it calls
//! [`crate::name_operation`].

use std::convert::Infallible;

use aicp_platform::Caller;
use axum::http::request::Parts;
use axum::response::Response;
use tracing::Span;

use crate::Shared;
use crate::body::{BodyError, BodyLimits, HeldBody, UnreadBody};
use crate::entry::{exceeds_rate, origin};
use crate::facts;
use crate::record::{CallInfo, CallOutcome, Record};

/// Request of one interface, from its head to its answer.
pub trait Wire: Sized + Send + Sync {
    /// Claim that the body must confirm; [`Infallible`] if heads prove their callers.
    type Signature: Signature<Self>;
    /// Caller who is known.
    type Caller: Send;
    /// Call that is admitted.
    type Call: Send + Sync;
    /// Result of a call.
    type Answer: Send;
    /// Reason for which a call fails, at any step.
    type Failure: Send;

    /// Whether a call whose body can't be read is in the call log, and reading it counts as part of the call.
    const LOGS_UPLOAD: bool = false;
    /// Code of a success in the call log.
    const SUCCESS: i64 = 0;

    /// Returns the head of the request.
    fn head(&self) -> &Parts;

    /// Returns the failure of a call whose client address has made too many in a second.
    fn too_often(&self) -> Self::Failure;

    /// Reads from the head who calls.
    ///
    /// # Errors
    /// The head names no caller, or a wrong one.
    fn claim(&mut self) -> Result<Claim<Self>, Self::Failure>;

    /// Returns the limits of the body; `None` if it is not read.
    fn limits(&self) -> Option<BodyLimits>;

    /// Converts the error of a body that can't be read.
    fn unreadable(&self, e: BodyError) -> Self::Failure;

    /// Checks whether a known caller may make the call.
    ///
    /// # Errors
    /// The caller may not, or not now.
    fn admit(&mut self, caller: Self::Caller) -> Result<Self::Call, Self::Failure>;

    /// Returns the app that the call acts for, if any.
    fn caller<'c>(&self, _: &'c Self::Call) -> Option<&'c Caller> {
        None
    }

    /// Returns the entry of the call in the call log; `None` if the call is not logged.
    fn log_entry<'c>(&'c self, _: &'c Self::Call) -> Option<CallInfo<'c>> {
        None
    }

    /// Receives the body of a call whose [limits](Self::limits) are `None`, if the call takes one: it is too large to hold in
    /// memory.
    ///
    /// # Errors
    /// The body can't be received.
    fn receive(&self, _: &Self::Call, _: &mut UnreadBody) -> impl Future<Output = Result<(), Self::Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// Makes the call.
    fn run(
        &self,
        call: &Self::Call,
        body: HeldBody,
    ) -> impl Future<Output = Result<Self::Answer, Self::Failure>> + Send;

    /// Returns code and message of a failure for the call log.
    fn code_and_message(&self, failure: &Self::Failure) -> (i64, String);

    /// Whether the call was refused before it started, although its log entry had begun.
    fn is_refusal(&self, _: &Self::Failure) -> bool {
        false
    }

    /// Renders the answer.
    fn render(&self, result: Result<Self::Answer, Self::Failure>) -> Response;

    /// Returns the failure of a call whose answer finds no memory until it is sent; `None` if answers of the interface
    /// are not counted.
    fn no_room_for_answer(&self) -> Option<Self::Failure> {
        None
    }
}

/// What the head of a request says of its caller.
pub enum Claim<W: Wire> {
    /// The call needs no credentials. Its body counts as that of an unknown caller.
    Anonymous(W::Caller),
    /// The head proves the caller.
    Proven(W::Caller),
    /// The caller is proven once the body is read.
    Signed(W::Signature),
}

/// Claim that the body must confirm.
pub trait Signature<W: Wire>: Send {
    /// Sees a part of the body as it arrives, also of one that is too long to keep.
    fn see(&mut self, _: &[u8]) {}

    /// Verifies the claim.
    ///
    /// # Errors
    /// The claim is not true.
    fn verify(self, wire: &mut W, body: &HeldBody) -> Result<W::Caller, W::Failure>;
}

impl<W: Wire> Signature<W> for Infallible {
    fn verify(self, _: &mut W, _: &HeldBody) -> Result<W::Caller, W::Failure> {
        match self {}
    }
}

/// Takes a request from its head to its answer.
pub async fn serve<W: Wire>(shared: &Shared, mut wire: W, body: &mut UnreadBody) -> Response {
    let result = live(shared, &mut wire, body).await;
    let code = result.as_ref().map_or_else(|failure| wire.code_and_message(failure).0, |_| W::SUCCESS);
    Span::current().record("result", code);
    facts::note_result(result.is_ok(), code);
    let is_answer = result.is_ok();
    let response = wire.render(result);
    match wire.no_room_for_answer() {
        Some(failure) if is_answer => shared.answers.hold(response).unwrap_or_else(|| wire.render(Err(failure))),
        _ => response,
    }
}

async fn live<W: Wire>(shared: &Shared, wire: &mut W, unread: &mut UnreadBody) -> Result<W::Answer, W::Failure> {
    if exceeds_rate(wire.head()) {
        return Err(wire.too_often());
    }
    let (caller, signed) = match wire.claim()? {
        Claim::Anonymous(caller) => (caller, None),
        Claim::Proven(caller) => {
            unread.mark_authenticated();
            (caller, None)
        }
        Claim::Signed(mut signature) => {
            let body = read(shared, wire, unread, |part| signature.see(part)).await?;
            let caller = signature.verify(wire, &body)?;
            unread.mark_authenticated();
            (caller, Some(body))
        }
    };
    let call = wire.admit(caller)?;
    let wire = &*wire;
    let caller = wire.caller(&call);
    if let Some(caller) = caller {
        Span::current().record("app", caller.app_id());
        caller.note_origin(origin(wire.head()));
    }
    let begin = || Some(Record::begin(&shared.platform, caller?, wire.log_entry(&call)?));
    let mut record = if W::LOGS_UPLOAD { begin() } else { None };
    let body = match signed {
        Some(body) => Ok(body),
        None => match read(shared, wire, unread, |_| ()).await {
            Ok(body) => wire.receive(&call, unread).await.map(|()| body),
            failed => failed,
        },
    };
    let result = match body {
        Ok(body) => {
            if !W::LOGS_UPLOAD {
                record = begin();
            }
            wire.run(&call, body).await
        }
        Err(failure) => Err(failure),
    };
    if let Some(engine) = caller.and_then(Caller::engine) {
        Span::current().record("engine", engine);
        facts::note_engine(engine);
    }
    match (record, &result) {
        (Some(record), Err(failure)) if wire.is_refusal(failure) => record.discard(),
        (Some(record), Err(failure)) => {
            let (code, message) = wire.code_and_message(failure);
            record.end(CallOutcome { ok: false, code: Some(code), message: Some(message) });
        }
        (Some(record), Ok(_)) => record.end(CallOutcome { ok: true, code: Some(W::SUCCESS), message: None }),
        (None, _) => {}
    }
    result
}

/// Reads the body, if the call takes one.
async fn read<W: Wire>(
    shared: &Shared,
    wire: &W,
    unread: &mut UnreadBody,
    see: impl FnMut(&[u8]),
) -> Result<HeldBody, W::Failure> {
    match wire.limits() {
        Some(limits) => shared.bodies.read_through(unread, limits, see).await.map_err(|e| wire.unreadable(e)),
        None => Ok(HeldBody::empty()),
    }
}

use super::*;
use crate::secrets::MasterKey;
use aicp_types::SystemClock;
use jiff::tz::TimeZone;
use std::path::Path;

const NOW: UnixMillis = UnixMillis::new(1);

async fn open(folder: &Path) -> (Store, Vault, Arc<Keys>) {
    let store = Store::open(folder, Arc::new(SystemClock), None, TimeZone::UTC).await.expect("opens");
    let vault = Vault::new(&MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits"));
    let keys = Arc::new(Keys::load(&store, &vault, Arc::new(SystemClock)).await.expect("loads"));
    keys.start(store.clone()).await;
    (store, vault, keys)
}

#[tokio::test]
async fn what_was_signed_with_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let (store, vault, keys) = open(folder.path()).await;
    let (_, made) = make(&store, &vault, "shop", KeyKind::JdCloud, KeyOptions::default(), NOW).await.expect("made");
    let hour = Duration::from_secs(3600);
    assert_eq!(keys.note_signature(made.id, "nonce", hour), SignatureUse::First);
    assert_eq!(keys.note_signature(made.id, "nonce", hour), SignatureUse::Repeated);
    assert_eq!(keys.note_signature(made.id, "other", hour), SignatureUse::First);
    assert_eq!(
        keys.note_signature(KeyId::new(made.id.get() + 1), "nonce", hour),
        SignatureUse::First,
        "of another key"
    );
    assert_eq!(keys.note_signature(made.id, "short", Duration::ZERO), SignatureUse::First);
    assert_eq!(keys.note_signature(made.id, "short", Duration::ZERO), SignatureUse::First, "it has expired");
    keys.close().await;
    store.close().await.expect("closes");

    let (store, _, keys) = open(folder.path()).await;
    assert_eq!(keys.note_signature(made.id, "nonce", hour), SignatureUse::Repeated);
    assert_eq!(keys.note_signature(made.id, "new", hour), SignatureUse::First);
    keys.close().await;
    store.close().await.expect("closes");
}

#[tokio::test]
async fn a_key_opens_nothing_under_another_master_key() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let (store, vault, _) = open(folder.path()).await;
    let (drawn, _) = make(&store, &vault, "shop", KeyKind::Alibaba, KeyOptions::default(), NOW).await.expect("made");
    let right = Keys::load(&store, &vault, Arc::new(SystemClock)).await.expect("loads");
    let key = right.find(KeyKind::Alibaba, &drawn.id).expect("known");
    assert_eq!(key.secret(), drawn.secret);
    assert!(right.find(KeyKind::JdCloud, &drawn.id).is_none(), "a key is for one interface");
    let other = Vault::new(&MasterKey::from_hex(&"ac".repeat(32)).expect("64 digits"));
    let wrong = Keys::load(&store, &other, Arc::new(SystemClock)).await.expect("the start goes on");
    assert!(wrong.find(KeyKind::Alibaba, &drawn.id).is_none());
}

#[test]
fn ids_and_secrets_have_the_shapes_that_clients_know() {
    for (kind, id_length, secret_length) in
        [(KeyKind::JdCloud, 32, 32), (KeyKind::Alibaba, 24, 30), (KeyKind::TencentIm, 10, 64)]
    {
        let (a, b) = (kind.draw().expect("random"), kind.draw().expect("random"));
        assert_eq!((a.id.len(), a.secret.len()), (id_length, secret_length), "{}", kind.name());
        assert!(a.id != b.id && a.secret != b.secret);
        assert!((a.id.clone() + &a.secret).bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(KeyKind::named(kind.name()), Some(kind));
    }
}

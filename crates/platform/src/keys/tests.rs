use super::*;
use crate::secrets::MasterKey;
use aicp_store::Act;
use aicp_types::{ManualClock, SystemClock};
use std::collections::HashSet;
use std::path::Path;

const LETTERS: KeyScheme = KeyScheme {
    name: "letters",
    id: KeyText::Random { prefix: "K-", alphabet: "ABC", length: 6 },
    secret: KeyText::Random { prefix: "", alphabet: "0123456789abcdef", length: 32 },
};
const NUMBERS: KeyScheme = KeyScheme {
    name: "numbers",
    id: KeyText::Number(7..10),
    secret: KeyText::Random { prefix: "", alphabet: "0123456789abcdef", length: 32 },
};
const NOW: UnixMillis = UnixMillis::new(1);

async fn open(folder: &Path, clock: &Arc<ManualClock>) -> (Store, Vault, Arc<Keys>) {
    let clock: Arc<dyn Clock> = clock.clone();
    let store = aicp_store_sqlite::open(folder, Arc::clone(&clock)).await.expect("opens");
    let vault = Vault::new(&MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits"));
    let keys = Arc::new(Keys::load(&store, &vault, clock).await.expect("loads"));
    keys.start(store.clone()).await;
    (store, vault, keys)
}

fn act() -> Act {
    Caller::local("shop").act(NOW, "key.create", "")
}

fn note(keys: &Keys, key_id: KeyId, text: &str, keep: Duration) -> SignatureUse {
    locked(&keys.signatures).note(key_id, text, keys.clock.now(), keep)
}

#[tokio::test]
async fn what_was_signed_with_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let clock = Arc::new(ManualClock::at(NOW));
    let (store, vault, keys) = open(folder.path(), &clock).await;
    make(&store, &vault, "shop", &LETTERS, KeyOptions::default(), act()).await.expect("made");
    let made = store.rows().await.expect("a connection").keys().await.expect("read").remove(0);
    let hour = Duration::from_secs(3600);
    assert_eq!(note(&keys, made.id, "nonce", hour), SignatureUse::First);
    assert_eq!(note(&keys, made.id, "nonce", hour), SignatureUse::Repeated);
    assert_eq!(note(&keys, made.id, "other", hour), SignatureUse::First);
    assert_eq!(note(&keys, KeyId::new(made.id.get() + 1), "nonce", hour), SignatureUse::First, "of another key");
    let minute = Duration::from_secs(60);
    assert_eq!(note(&keys, made.id, "short", minute), SignatureUse::First);
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(note(&keys, made.id, "short", minute), SignatureUse::Repeated);
    clock.advance(Duration::from_millis(1));
    assert_eq!(note(&keys, made.id, "short", minute), SignatureUse::First, "it has expired");
    keys.close().await;
    store.close().await.expect("closes");

    let (store, _, keys) = open(folder.path(), &clock).await;
    assert_eq!(note(&keys, made.id, "nonce", hour), SignatureUse::Repeated);
    assert_eq!(note(&keys, made.id, "new", hour), SignatureUse::First);
    clock.advance(hour);
    assert_eq!(note(&keys, made.id, "nonce", hour), SignatureUse::First, "an hour later");
    keys.close().await;
    store.close().await.expect("closes");
}

#[tokio::test]
async fn a_key_opens_nothing_under_another_master_key() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let clock = Arc::new(ManualClock::at(NOW));
    let (store, vault, _) = open(folder.path(), &clock).await;
    let drawn = make(&store, &vault, "shop", &NUMBERS, KeyOptions::default(), act()).await.expect("made");
    let right = Keys::load(&store, &vault, Arc::new(SystemClock)).await.expect("loads");
    let key = right.find("numbers", &drawn.id).expect("known");
    assert_eq!(key.secret(), drawn.secret);
    assert!(right.find("letters", &drawn.id).is_none(), "a key is for one interface");
    let other = Vault::new(&MasterKey::from_hex(&"ac".repeat(32)).expect("64 digits"));
    let wrong = Keys::load(&store, &other, Arc::new(SystemClock)).await.expect("the start goes on");
    assert!(wrong.find("numbers", &drawn.id).is_none());
}

#[test]
fn ids_and_secrets_have_the_shape_of_their_kind() {
    let (a, b) = (LETTERS.draw().expect("random"), LETTERS.draw().expect("random"));
    assert!(
        a.id.len() == 8 && a.id.starts_with("K-") && a.id[2..].bytes().all(|byte| b"ABC".contains(&byte)),
        "{}",
        a.id
    );
    assert!(a.id != b.id || a.secret != b.secret);
    let numbers: HashSet<String> = (0..200).map(|_| NUMBERS.draw().expect("random").id).collect();
    assert_eq!(numbers, ["7", "8", "9"].map(str::to_owned).into());
}

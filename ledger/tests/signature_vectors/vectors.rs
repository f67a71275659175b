//! The vectors: what each source says, in one form.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Where a vector comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// RFC 8032, section 7.1, and the reference implementation's `sign.input`.
    Rfc8032,
    /// "Taming the many EdDSAs".
    Speccheck,
    /// C2SP's combinations of odd keys and odd R.
    Cctv,
    /// Project Wycheproof.
    Wycheproof,
    /// All pairs of encodings of points of small order.
    Zip215,
}

/// A set, how many vectors it has, how many of them are valid by the equation alone, and how many
/// on the paths of the ledger. The numbers are those of the sources, and of the rule as written.
pub(crate) const TABLE: [(Set, usize, usize, usize); 5] = [
    (Set::Rfc8032, 131, 131, 131),
    (Set::Speccheck, 12, 9, 5),
    (Set::Cctv, 914, 826, 300),
    (Set::Wycheproof, 151, WYCHEPROOF_VALID, WYCHEPROOF_VALID),
    (Set::Zip215, 196, 196, 0),
];

/// Labelled valid, and case 151, which the equation with the cofactor accepts.
const WYCHEPROOF_VALID: usize = 89;

/// One vector.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    pub set: Set,
    pub key: [u8; 32],
    pub message: Vec<u8>,
    /// 64 bytes but for some of Wycheproof's.
    pub signature: Vec<u8>,
    /// The verdict of the equation alone, as pinned by the source.
    pub valid: bool,
}

/// A vector of RFC 8032, which comes with its secret.
pub(crate) struct Signed {
    pub secret: [u8; 32],
    pub vector: Vector,
}

/// All vectors of all sets.
pub(crate) fn all() -> Vec<Vector> {
    let mut all: Vec<_> = rfc8032().into_iter().map(|signed| signed.vector).collect();
    all.extend(speccheck());
    all.extend(cctv());
    all.extend(wycheproof());
    all.extend(zip215());
    for (set, count, _, _) in TABLE {
        let found = all.iter().filter(|vector| vector.set == set);
        assert_eq!(found.count(), count, "{set:?}");
    }
    all
}

/// The 3 and the 128 vectors of RFC 8032.
pub(crate) fn rfc8032() -> Vec<Signed> {
    #[derive(Deserialize)]
    struct Case {
        sk: String,
        pk: String,
        msg: String,
        sig: String,
    }
    let signed = |secret: &str, key: &str, message: &str, signature: &str| Signed {
        secret: array(secret),
        vector: Vector {
            set: Set::Rfc8032,
            key: array(key),
            message: bytes(message),
            signature: bytes(signature),
            valid: true,
        },
    };
    let cases: Vec<Case> = json("rfc8032-7.1.json");
    let lines = text("rfc8032-sign.input");
    assert_eq!((cases.len(), lines.lines().count()), (3, 128));
    let cases = cases
        .iter()
        .map(|case| signed(&case.sk, &case.pk, &case.msg, &case.sig));
    let lines = lines.lines().map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        signed(&fields[0][..64], fields[1], fields[2], &fields[3][..128])
    });
    cases.chain(lines).collect()
}

fn speccheck() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct Case {
        message: String,
        pub_key: String,
        signature: String,
    }
    let cases: Vec<Case> = json("speccheck-cases.json");
    let expected = expected("speccheck-expected.csv");
    assert_eq!(cases.len(), expected.len());
    let vector = |(case, valid): (&Case, bool)| Vector {
        set: Set::Speccheck,
        key: array(&case.pub_key),
        message: bytes(&case.message),
        signature: bytes(&case.signature),
        valid,
    };
    cases.iter().zip(expected).map(vector).collect()
}

fn cctv() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct Case {
        key: String,
        sig: String,
        msg: String,
    }
    let cases: Vec<Case> = json("cctv-ed25519vectors.json");
    let expected = expected("cctv-expected.csv");
    assert_eq!(cases.len(), expected.len());
    let vector = |(case, valid): (&Case, bool)| Vector {
        set: Set::Cctv,
        key: array(&case.key),
        message: case.msg.as_bytes().to_vec(),
        signature: bytes(&case.sig),
        valid,
    };
    cases.iter().zip(expected).map(vector).collect()
}

fn wycheproof() -> Vec<Vector> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        test_groups: Vec<Group>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Group {
        public_key: Key,
        tests: Vec<Case>,
    }
    #[derive(Deserialize)]
    struct Key {
        pk: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        tc_id: u32,
        msg: String,
        sig: String,
        result: String,
    }
    let file: File = json("wycheproof-ed25519_test.json");
    let groups = file.test_groups.iter();
    let cases =
        groups.flat_map(|group| group.tests.iter().map(|case| (&group.public_key.pk, case)));
    let vector = |(key, case): (&String, &Case)| Vector {
        set: Set::Wycheproof,
        key: array(key),
        message: bytes(&case.msg),
        signature: bytes(&case.sig),
        // Invalid under strict rules, valid by the equation with the cofactor.
        valid: case.result == "valid" || case.tc_id == 151,
    };
    cases.map(vector).collect()
}

fn zip215() -> Vec<Vector> {
    let cases: Vec<(String, String)> = json("zip215.json");
    let vector = |(key, signature): &(String, String)| Vector {
        set: Set::Zip215,
        key: array(key),
        message: b"Zcash".to_vec(),
        signature: bytes(signature),
        valid: true,
    };
    cases.iter().map(vector).collect()
}

/// The 14 encodings of points of small order, canonical and not: the keys of the ZIP-215 vectors.
pub(crate) fn small_order_keys() -> Vec<[u8; 32]> {
    let mut keys: Vec<_> = zip215().iter().map(|vector| vector.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 14);
    keys
}

/// The column `zip215_verify` of a table of verdicts.
fn expected(name: &str) -> Vec<bool> {
    let table = text(name);
    let rows = table.lines().skip(1);
    rows.map(|row| row.split(',').nth(4) == Some("1")).collect()
}

fn text(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/ed25519");
    fs::read_to_string(folder.join(name)).unwrap()
}

fn json<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

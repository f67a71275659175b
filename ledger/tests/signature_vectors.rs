//! The rule of signature validity, held against public vectors.
//!
//! Two verdicts are pinned for each vector: that of the ZIP-215 equation alone, and that of the
//! ledger, which refuses keys of small order before it comes to the equation. Where the sources and
//! their licences are is in `vectors/ed25519/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads the vectors from files"
)]

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use starling_ledger::keys::{
    Ed25519, KeyError, PublicKey, SecretKey, Signature, SignatureScheme, Signer,
};

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

/// The verdict of the equation, whatever the order of the key.
fn equation(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let signature = ed25519_zebra::Signature::from(*signature);
    ed25519_zebra::VerificationKey::try_from(*key)
        .is_ok_and(|key| key.verify(&signature, message).is_ok())
}

/// The verdict of the ledger.
fn ledger(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    PublicKey::from_bytes(*key)
        .is_ok_and(|key| Ed25519.verify(&key, message, &Signature(*signature)))
}

/// The column `zip215_verify` of a table of verdicts.
fn expected(name: &str) -> Vec<bool> {
    let table = text(name);
    let rows = table.lines().skip(1);
    rows.map(|row| row.split(',').nth(4) == Some("1")).collect()
}

fn signs_and_verifies(secret: &[u8; 32], key: &[u8; 32], message: &[u8], signature: &[u8; 64]) {
    let secret = SecretKey::from_bytes(secret);
    assert_eq!(secret.public_key().as_bytes(), key);
    assert_eq!(secret.sign(message), Signature(*signature));
    assert!(ledger(key, message, signature));
    assert!(!ledger(key, &[message, b"!"].concat(), signature));
}

#[test]
fn signs_as_rfc_8032_section_7_1() {
    #[derive(Deserialize)]
    struct Case {
        sk: String,
        pk: String,
        msg: String,
        sig: String,
    }
    let cases: Vec<Case> = json("rfc8032-7.1.json");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let (secret, key) = (array(&case.sk), array(&case.pk));
        signs_and_verifies(&secret, &key, &bytes(&case.msg), &array(&case.sig));
    }
}

#[test]
fn signs_as_the_reference_implementation() {
    let lines = text("rfc8032-sign.input");
    assert_eq!(lines.lines().count(), 128);
    for line in lines.lines() {
        let fields: Vec<_> = line.split(':').collect();
        let secret = array(&fields[0][..64]);
        let signature = array(&fields[3][..128]);
        signs_and_verifies(&secret, &array(fields[1]), &bytes(fields[2]), &signature);
    }
}

#[test]
fn speccheck_has_the_verdicts_of_zip_215() {
    #[derive(Deserialize)]
    struct Case {
        message: String,
        pub_key: String,
        signature: String,
    }
    let cases: Vec<Case> = json("speccheck-cases.json");
    let valid = |check: fn(&[u8; 32], &[u8], &[u8; 64]) -> bool| -> Vec<usize> {
        let valid = |case: &Case| {
            let message = bytes(&case.message);
            check(&array(&case.pub_key), &message, &array(&case.signature))
        };
        (0..cases.len()).filter(|at| valid(&cases[*at])).collect()
    };
    assert_eq!(cases.len(), 12);
    assert_eq!(valid(equation), [0, 1, 2, 3, 4, 5, 9, 10, 11]);
    assert_eq!(valid(ledger), [2, 3, 4, 5, 9]);
    let table = expected("speccheck-expected.csv");
    let table: Vec<_> = (0..table.len()).filter(|at| table[*at]).collect();
    assert_eq!(valid(equation), table);
}

#[test]
fn cctv_has_the_verdicts_of_zip_215() {
    #[derive(Deserialize)]
    struct Case {
        key: String,
        sig: String,
        msg: String,
    }
    let cases: Vec<Case> = json("cctv-ed25519vectors.json");
    let table = expected("cctv-expected.csv");
    assert_eq!((cases.len(), table.len()), (914, 914));
    let (mut by_equation, mut by_ledger) = (0, 0);
    for (case, expected) in cases.iter().zip(table) {
        let (key, signature) = (array(&case.key), array(&case.sig));
        let valid = equation(&key, case.msg.as_bytes(), &signature);
        assert_eq!(valid, expected, "{}", case.msg);
        let accepted = ledger(&key, case.msg.as_bytes(), &signature);
        let small = PublicKey::from_bytes(key) == Err(KeyError::SmallOrder);
        assert_eq!(accepted, valid && !small, "{}", case.msg);
        by_equation += usize::from(valid);
        by_ledger += usize::from(accepted);
    }
    assert_eq!((by_equation, by_ledger), (826, 300));
}

#[test]
fn wycheproof_has_its_labels_but_for_one_case() {
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
    let mut count = 0;
    for group in &file.test_groups {
        let key = array(&group.public_key.pk);
        for case in &group.tests {
            let message = bytes(&case.msg);
            let signature = <[u8; 64]>::try_from(bytes(&case.sig));
            let valid = |check: fn(&[u8; 32], &[u8], &[u8; 64]) -> bool| {
                let signature = signature.as_ref();
                signature.is_ok_and(|signature| check(&key, &message, signature))
            };
            // Case 151 is valid by the equation with the cofactor, which ZIP-215 prescribes.
            let expected = case.result == "valid" || case.tc_id == 151;
            assert_eq!(valid(equation), expected, "case {}", case.tc_id);
            assert_eq!(valid(ledger), expected, "case {}", case.tc_id);
            count += 1;
        }
    }
    assert_eq!(count, 151);
}

#[test]
fn the_vectors_of_zip_215_are_valid_and_all_of_small_order_keys() {
    let cases: Vec<(String, String)> = json("zip215.json");
    assert_eq!(cases.len(), 196);
    for (key, signature) in &cases {
        let (key, signature) = (array(key), array(signature));
        assert!(equation(&key, b"Zcash", &signature));
        assert_eq!(PublicKey::from_bytes(key), Err(KeyError::SmallOrder));
    }
}

/// The encodings of p to 2^255 - 1 stand for 0 to 18, with either sign.
#[test]
fn a_key_whose_encoding_is_not_canonical_is_a_key_where_its_point_is() {
    let mut accepted = 0;
    for y in 0..19u8 {
        for sign in [0, 0x80] {
            let mut canonical = [0; 32];
            canonical[0] = y;
            canonical[31] = sign;
            let mut other = [0xff; 32];
            other[0] = 0xed + y;
            other[31] = 0x7f | sign;
            let verdict = PublicKey::from_bytes(canonical).map(|_| ());
            assert_eq!(PublicKey::from_bytes(other).map(|_| ()), verdict, "{y}");
            let point = ed25519_zebra::VerificationKey::try_from(other).is_ok();
            assert_eq!(point, verdict != Err(KeyError::NotAPoint), "{y}");
            accepted += usize::from(verdict.is_ok());
        }
    }
    assert!(accepted > 0);
}

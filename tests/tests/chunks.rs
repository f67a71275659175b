//! The compiler that RocksDB is built with: a chunk of sources that does not compile as one is
//! compiled file by file, into one object with the same symbols.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Compiles `chunks/all.cc` in `folder`, which includes `sources`.
fn compile(folder: &Path, sources: &[(&str, &str)]) -> Output {
    fs::create_dir(folder.join("chunks")).expect("a folder");
    let mut chunk = String::new();
    for (name, text) in sources {
        fs::write(folder.join(name), text).expect("a source");
        chunk.push_str(&format!("#include \"{name}\"\n"));
    }
    fs::write(folder.join("chunks/all.cc"), chunk).expect("a chunk");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/rocksdb-cxx.sh");
    Command::new(script.canonicalize().expect("the script"))
        .args(["-I", ".", "-o", "all.o", "-c", "chunks/all.cc"])
        .env("ROCKSDB_CXX", "c++")
        .env("ROCKSDB_SPLIT", folder.join("split"))
        .current_dir(folder)
        .output()
        .expect("the script starts")
}

fn symbols(folder: &Path) -> String {
    let listed = Command::new("nm").arg(folder.join("all.o")).output();
    String::from_utf8(listed.expect("nm is installed").stdout).expect("UTF-8")
}

#[test]
fn a_chunk_that_compiles_is_compiled_as_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = [
        (
            "one.cc",
            "static int same() { return 1; }\nint one() { return same(); }\n",
        ),
        ("two.cc", "int two() { return 2; }\n"),
    ];
    let output = compile(folder.path(), &sources);
    assert!(output.status.success(), "{output:?}");
    let symbols = symbols(folder.path());
    assert!(
        symbols.contains("_Z3onev") && symbols.contains("_Z3twov"),
        "{symbols}"
    );
    assert!(!folder.path().join("split").exists());
}

#[test]
fn a_chunk_whose_files_do_not_agree_is_compiled_file_by_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = [
        (
            "one.cc",
            "static int same() { return 1; }\nint one() { return same(); }\n",
        ),
        (
            "two.cc",
            "static int same() { return 2; }\nint two() { return same(); }\n",
        ),
    ];
    let output = compile(folder.path(), &sources);
    assert!(output.status.success(), "{output:?}");
    let symbols = symbols(folder.path());
    assert!(
        symbols.contains("_Z3onev") && symbols.contains("_Z3twov"),
        "{symbols}"
    );
    let split = fs::read_to_string(folder.path().join("split")).expect("a note");
    assert!(split.starts_with("all.cc: "), "{split}");
    let left = fs::read_dir(folder.path()).expect("the folder");
    let objects = left.filter(|entry| {
        let path = entry.as_ref().expect("an entry").path();
        path.extension().is_some_and(|extension| extension == "o")
    });
    assert_eq!(objects.count(), 1, "the parts are gone");
}

#[test]
fn a_file_that_is_wrong_by_itself_ends_the_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = compile(folder.path(), &[("one.cc", "int one( { return 1; }\n")]);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("one.cc:1"), "{told}");
}

//! Data files, good and bad.

use std::io::Write;
use std::path::Path;

use ndarray::Array2;

use super::{Error, load};

#[test]
fn bundled_digits() {
    let d = load("digits").expect("bundled");
    assert_eq!((d.train.count(), d.test.count()), (1438, 359));
    assert_eq!((d.classes, d.shape.dims()), (10, &[64][..]));
    let mut pixels = d.train.x.iter().chain(&d.test.x);
    assert!(pixels.all(|v| (v * 16.0).fract() == 0.0 && (0.0..=1.0).contains(v)));
    assert_eq!(d.test.labels[0], 4);
    for c in 0..10 {
        assert!(d.test.labels.iter().filter(|&&l| l == c).count() > 20);
    }
}

fn idx(dims: &[u32], body: &[u8]) -> Vec<u8> {
    let mut v = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|d| v.extend(d.to_be_bytes()));
    v.extend(body);
    v
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(bytes).expect("memory");
    e.finish().expect("memory")
}

#[test]
fn idx_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let open = || load(&path.display().to_string());
    let put = |name: &str, bytes: &[u8]| std::fs::write(path.join(name), bytes).expect("written");
    let message = || open().expect_err("must be refused").to_string();
    assert!(message().contains("t10k"));
    let images = idx(&[2, 1, 3], &[0, 51, 255, 1, 2, 3]);
    put("t10k-images-idx3-ubyte.gz", &gzip(&images));
    put("t10k-labels-idx1-ubyte", &idx(&[2], &[7, 0]));
    let d = open().expect("valid");
    assert_eq!(d.shape.dims(), [1, 1, 3]);
    assert_eq!(d.test.x[..3], [0.0, 0.2, 1.0]);
    assert_eq!((d.test.labels.as_slice(), d.classes), (&[7, 0][..], 8));
    for bad in [
        &images[..10],
        &images[..images.len() - 1],
        &idx(&[u32::MAX; 3], &[1, 2]),
        &idx(&[0, 1, 3], &[]),
        &idx(&[2, 0, 3], &[]),
        &idx(&[2, 3], &[0; 6]),
        &[][..],
    ] {
        put("t10k-images-idx3-ubyte.gz", &gzip(bad));
        assert!(message().contains("t10k-"));
    }
    put("t10k-images-idx3-ubyte.gz", &images);
    assert!(matches!(open(), Err(Error::Read { .. })));
    put("t10k-images-idx3-ubyte.gz", &gzip(&images));
    put("t10k-labels-idx1-ubyte", &idx(&[3], &[7, 0, 1]));
    assert!(message().contains("number of labels"));
}

#[test]
fn mnist_when_present() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if !folder.is_dir() {
        let folder = folder.display();
        assert!(
            std::env::var("DAHLQUIST_REQUIRE").is_err(),
            "{folder} is absent"
        );
        eprintln!("SKIPPED: {folder} is absent");
        return;
    }
    let d = load(&folder.display().to_string()).expect("MNIST");
    assert_eq!((d.train.count(), d.test.count()), (60_000, 10_000));
    assert_eq!((d.shape.dims(), d.classes), (&[1, 28, 28][..], 10));
    assert_eq!(d.test.labels[..4], [7, 2, 1, 0]);
}

#[test]
fn csv_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.csv");
    let open = |text: &str| {
        std::fs::write(&path, text).expect("written");
        load(&path.display().to_string())
    };
    let d = open("3,0,0.5\n1,1,0.25\n").expect("valid");
    let expected = (&[0.0, 0.5, 1.0, 0.25][..], 4);
    assert_eq!((d.test.x.as_slice(), d.classes), expected);
    for (text, word) in [
        ("", "empty"),
        ("1,0.5\n1,0.5,0.5\n", "pixels"),
        ("1\n", "pixels"),
        ("1,nan\n", "0 to 1"),
        ("1,1.5\n", "0 to 1"),
        ("1,-0.1\n", "0 to 1"),
        ("-1,0\n", "label"),
        ("1.5,0\n", "label"),
        ("1000,0\n", "label"),
        ("a,0\n", "number"),
    ] {
        let error = open(text).expect_err(text).to_string();
        assert!(error.contains(word) && error.contains("a.csv"), "{error}");
    }
}

fn archive(x: &Array2<f32>, y: &[i64], packed: bool) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut w = if packed {
        ndarray_npy::NpzWriter::new_compressed(&mut bytes)
    } else {
        ndarray_npy::NpzWriter::new(&mut bytes)
    };
    let y = ndarray::Array1::from(y.to_vec());
    w.add_array("x", x).expect("memory");
    w.add_array("y", &y).expect("memory");
    w.finish().expect("memory");
    bytes.into_inner()
}

#[test]
fn npz_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.npz");
    let open = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("written");
        load(&path.display().to_string())
    };
    let x = Array2::from_shape_fn((3, 4), |(s, i)| (s + i) as f32 / 8.0);
    for packed in [false, true] {
        let good = archive(&x, &[0, 1, 2], packed);
        let d = open(&good).expect("valid");
        assert_eq!((d.shape.dims(), d.classes), (&[4][..], 3));
        assert_eq!(d.test.x, x.iter().copied().collect::<Vec<_>>());
        // Cut anywhere: an error. Damaged anywhere: an error or other data, no panic.
        for cut in 0..good.len() {
            assert!(open(&good[..cut]).is_err());
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            let _ = open(&bad);
        }
    }
    for bad in [
        archive(&x, &[0, 1], false),
        archive(&x, &[0, 1, -2], false),
        archive(&(&x * 9.0), &[0, 1, 2], false),
        archive(&(&x * f32::NAN), &[0, 1, 2], false),
    ] {
        assert!(open(&bad).is_err());
    }
}

#[test]
fn other_names_are_refused() {
    assert!(matches!(load("nothing"), Err(Error::Unknown { .. })));
    assert!(matches!(load("missing.csv"), Err(Error::Read { .. })));
}

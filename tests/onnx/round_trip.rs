//! A written network reads back as the same network.

use dahlquist::network::onnx::{read_model, write_model, write_unrolled};
use dahlquist::network::{Layer, Network, safetensors};
use dahlquist::ops::{Param, Tensor};
use proptest::prelude::*;
use std::sync::Arc;

use crate::random;

fn names(network: &Network) -> Vec<&str> {
    network.nodes.iter().map(|n| n.name.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn model_files_keep_the_graph(seed in any::<u64>()) {
        let network = random::network(seed);
        let graph = network.lower().unwrap();
        let bytes = write_model(&network).unwrap();
        prop_assert_eq!(&bytes, &write_model(&network).unwrap());
        let back = read_model(bytes.clone()).unwrap();
        prop_assert_eq!(back.lower().unwrap().content_hash(), graph.content_hash());
        prop_assert_eq!(write_model(&back).unwrap(), write_model(&read_model(bytes).unwrap()).unwrap());
        let kept: Vec<&str> = names(&back);
        prop_assert!(kept.iter().all(|n| names(&network).contains(n)));
        let tensors = |g: &dahlquist::graph::Graph| {
            g.params().iter().map(|p| p.name().to_string()).collect::<Vec<_>>()
        };
        prop_assert_eq!(tensors(&back.lower().unwrap()), tensors(&graph));
        for ((_, a), (_, b)) in network.ode_blocks().zip(back.ode_blocks()) {
            if network.ode_blocks().count() == back.ode_blocks().count() {
                prop_assert_eq!(&a.method, &b.method);
                prop_assert_eq!((a.steps, &a.t0, &a.t1), (b.steps, &b.t0, &b.t1));
            }
        }
    }

    #[test]
    fn unrolled_files_are_deterministic_and_read_back(seed in any::<u64>()) {
        let network = random::network(seed);
        let graph = network.lower().unwrap();
        let Ok(bytes) = write_unrolled(&graph) else {
            // Every place where the input enters may have coefficient zero.
            prop_assert!(!graph.ancestors(graph.output())[graph.inputs()[0].index()]);
            return Ok(());
        };
        prop_assert_eq!(&bytes, &write_unrolled(&graph).unwrap());
        prop_assert!(!bytes.windows(12).any(|w| w == b"ai.dahlquist"));
    }

    #[test]
    fn weights_round_trip(seed in any::<u64>()) {
        let network = random::network(seed);
        let bytes = safetensors::write_weights(&network).unwrap();
        let zero = |p: &Param| -> Param {
            let zeros = vec![0.0; p.data().len()];
            Arc::new(Tensor::new(p.name(), p.shape().clone(), zeros).unwrap())
        };
        let empty = network.map_params(&zero).unwrap();
        let back = safetensors::read_weights(&empty, &bytes).unwrap();
        prop_assert_eq!(
            back.lower().unwrap().content_hash(),
            network.lower().unwrap().content_hash()
        );
        for k in [0, 3, 8, bytes.len() / 2, bytes.len() - 1] {
            if k < bytes.len() {
                prop_assert!(safetensors::read_weights(&empty, &bytes[..k]).is_err());
            }
        }
    }
}

#[test]
fn every_kind_of_block_is_drawn() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..300 {
        for (_, block) in random::network(seed).ode_blocks() {
            seen.insert((
                block.method.name().to_string(),
                matches!(block.field, dahlquist::ode::Field::Shared(_)),
                block.field.at(0).inputs().len(),
            ));
        }
    }
    // rk methods and multistep methods, shared and per step, with and without time
    assert_eq!(seen.len(), 7 * 2 * 2, "{seen:?}");
}

#[test]
fn files_round_trip_and_appear_whole() {
    let folder = tempfile::tempdir().unwrap();
    let network = random::network(11);
    let hash = network.lower().unwrap().content_hash();
    for name in ["a.onnx", "a.onnx.gz"] {
        let path = folder.path().join(name);
        network.save(&path).unwrap();
        let back = Network::load(&path).unwrap();
        assert_eq!(back.lower().unwrap().content_hash(), hash);
    }
    network.save_unrolled(folder.path().join("u.onnx")).unwrap();
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["a.onnx", "a.onnx.gz", "u.onnx"]);
    let missing = Network::load(folder.path().join("b.onnx")).unwrap_err();
    assert!(missing.to_string().contains("b.onnx"), "{missing}");
    assert!(network.save(folder.path().join("no/folder.onnx")).is_err());
}

#[test]
fn shared_weights_are_written_once() {
    for seed in 0..200 {
        let network = random::network(seed);
        let bytes = write_model(&network).unwrap();
        let params = network.nodes.iter().flat_map(|n| match &n.layer {
            Layer::Op(dahlquist::graph::Op::Linear(map)) => map.params(),
            Layer::Ode(b) => b.field.graphs().iter().flat_map(|g| g.params()).collect(),
            Layer::Op(_) => vec![],
        });
        let mut distinct: Vec<Param> = Vec::new();
        for p in params {
            if !distinct.iter().any(|q| Arc::ptr_eq(q, &p)) {
                distinct.push(p);
            }
        }
        for p in distinct.iter().filter(|p| p.data().len() > 3) {
            let raw: Vec<u8> = p.data().iter().flat_map(|v| v.to_le_bytes()).collect();
            let count = bytes.windows(raw.len()).filter(|w| *w == raw).count();
            assert_eq!(count, 1, "seed {seed}, tensor {}", p.name());
        }
    }
}

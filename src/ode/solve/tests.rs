use super::*;

#[test]
fn all_methods_solve_an_oscillator_with_output_and_events() {
    let rhs = |_: f64, y: &[f64], dy: &mut [f64]| {
        dy[0] = y[1];
        dy[1] = -y[0];
    };
    let problem = Problem {
        rhs: &rhs,
        jacobian_times: None,
        t0: 0.0,
        t1: 4.0,
        y0: &[1.0, 0.0],
    };
    let g = |_: f64, y: &[f64]| y[0];
    for method in Method::ALL {
        let steps = Steps::Adaptive {
            relative: 1e-8,
            absolute: vec![1e-8; 2],
        };
        let mut options = Options::new(steps);
        let event = Event {
            g: &g,
            crossing: Crossing::Both,
        };
        options.events = std::slice::from_ref(&event);
        options.output = &[0.0, 1.0, 4.0];
        let s = integrate(&problem, method, &options).expect("solved");
        assert_eq!(s.t.last(), Some(&4.0));
        assert_eq!(s.output.len(), 3);
        assert!((s.output[1][0] - 1f64.cos()).abs() < 1e-5, "{method:?}");
        assert_eq!(s.events.len(), 1, "{method:?}");
        assert!((s.events[0].1 - std::f64::consts::FRAC_PI_2).abs() < 1e-5);
    }
}

//! Every file of tests with every version that is verified.

use crate::lab;

macro_rules! versions {
    ($run:ident: $($module:ident = $version:literal: $($test:ident)*;)*) => {
        $(mod $module {
            $(
                #[test]
                fn $test() {
                    super::lab::$run($version, stringify!($test));
                }
            )*
        })*
    };
}

versions! { python:
    python_2_63 = "2.63": sandboxes commands files code ports pauses rough;
    python_2_46 = "2.46": sandboxes commands files code ports pauses;
    python_2_25 = "2.25": commands files ports;
}
// They ask for code at `49999-ID.DOMAIN` alone, whatever address they are told; so do most of their other tests.
versions! { python_by_domain:
    python_2_25_by_domain = "2.25": sandboxes code;
    python_2_63_by_domain = "2.63": code;
}
versions! { javascript:
    javascript_2_51 = "2.51": sandboxes commands files code;
    javascript_2_45 = "2.45": sandboxes commands files code;
    javascript_2_20 = "2.20": commands files;
}
versions! { javascript_by_domain:
    javascript_2_20_by_domain = "2.20": sandboxes code;
    javascript_2_51_by_domain = "2.51": code;
}

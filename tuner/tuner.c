typedef int vlt_tuner_empty;

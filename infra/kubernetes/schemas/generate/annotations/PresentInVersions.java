package io.strimzi.crdgenerator.annotations;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;

/** Declares what Strimzi's published classes carry, so that it can be read: the annotation itself is not published. */
@Retention(RetentionPolicy.RUNTIME)
public @interface PresentInVersions {
    String value();
}

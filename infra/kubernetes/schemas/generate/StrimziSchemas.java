import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.BeanPropertyDefinition;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.strimzi.crdgenerator.annotations.PresentInVersions;
import io.strimzi.crdgenerator.annotations.RequiredInVersions;
import java.lang.annotation.Annotation;
import java.util.List;

/**
 * Prints the schema of each Strimzi class named on the command line, as the operator's own Jackson classes read it.
 *
 * Strimzi makes its CRDs from the same classes and annotations, with a generator that it does not publish. Fields that
 * the API version v1 no longer has are left out.
 */
final class StrimziSchemas {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    public static void main(String[] classNames) throws ClassNotFoundException {
        ObjectNode schemas = MAPPER.createObjectNode();
        for (String name : classNames) {
            Class<?> type = Class.forName(name);
            ObjectNode schema = schemaOf(MAPPER.constructType(type));
            schemas.set(type.getSimpleName(), schema);
        }
        System.out.println(schemas);
    }

    private static ObjectNode schemaOf(JavaType type) {
        Class<?> raw = type.getRawClass();
        if (raw.getSimpleName().equals("Quantity") || raw.getSimpleName().equals("IntOrString")) {
            ObjectNode either = MAPPER.createObjectNode();
            either.putArray("type").add("integer").add("string");
            return either;
        }
        if (raw == Object.class) return MAPPER.createObjectNode();
        if (raw.isEnum()) return enumeration(raw);
        if (raw == String.class) return ofType("string");
        if (raw == boolean.class || raw == Boolean.class) return ofType("boolean");
        if (raw == double.class || raw == Double.class || raw == float.class) return ofType("number");
        if (raw.isPrimitive() || Number.class.isAssignableFrom(raw)) return ofType("integer");
        if (type.isMapLikeType()) {
            ObjectNode map = ofType("object");
            map.set("additionalProperties", schemaOf(type.getContentType()));
            return map;
        }
        if (type.isCollectionLikeType() || type.isArrayType()) {
            ObjectNode list = ofType("array");
            list.set("items", schemaOf(type.getContentType()));
            return list;
        }
        JsonSubTypes subtypes = raw.getAnnotation(JsonSubTypes.class);
        return subtypes == null ? object(type, null, false) : union(subtypes, raw.getAnnotation(JsonTypeInfo.class));
    }

    /** One of several classes, told apart by the field `type`, which only the default one may leave out. */
    private static ObjectNode union(JsonSubTypes subtypes, JsonTypeInfo info) {
        ObjectNode union = MAPPER.createObjectNode();
        ArrayNode members = union.putArray("anyOf");
        for (JsonSubTypes.Type subtype : subtypes.value()) {
            boolean byDefault = info != null && info.defaultImpl() == subtype.value();
            members.add(object(MAPPER.constructType(subtype.value()), subtype.name(), byDefault));
        }
        return union;
    }

    private static ObjectNode object(JavaType type, String discriminator, boolean byDefault) {
        ObjectNode schema = ofType("object");
        ObjectNode properties = schema.putObject("properties");
        ArrayNode required = MAPPER.createArrayNode();
        for (BeanPropertyDefinition property : MAPPER.getDeserializationConfig().introspect(type).findProperties()) {
            PresentInVersions present = annotation(property, PresentInVersions.class);
            RequiredInVersions requiredIn = annotation(property, RequiredInVersions.class);
            if (present != null && !includesV1(present.value())) continue;
            // The operator's own part, and the map in which a class keeps fields that it does not know.
            if (property.getName().equals("status") || property.getName().equals("additionalProperties")) continue;
            boolean tells = discriminator != null && property.getName().equals("type");
            properties.set(property.getName(), tells ? constant(discriminator) : schemaOf(property.getPrimaryType()));
            if ((tells && !byDefault) || property.isRequired() || (requiredIn != null && includesV1(requiredIn.value()))) {
                required.add(property.getName());
            }
        }
        if (!required.isEmpty()) schema.set("required", required);
        return schema;
    }

    /** A range of versions: `v1`, `v1+`, `v1beta2`, `v1alpha1-v1beta2`, `v1beta2+`. */
    private static boolean includesV1(String range) {
        return range.endsWith("+") || range.equals("v1") || range.endsWith("-v1");
    }

    private static <A extends Annotation> A annotation(BeanPropertyDefinition property, Class<A> type) {
        for (AnnotatedMember member : new AnnotatedMember[] {property.getGetter(), property.getField(), property.getSetter()}) {
            if (member != null && member.getAnnotated().getAnnotation(type) != null) return member.getAnnotated().getAnnotation(type);
        }
        return null;
    }

    private static ObjectNode enumeration(Class<?> type) {
        ObjectNode schema = ofType("string");
        ArrayNode values = schema.putArray("enum");
        for (Object constant : List.of(type.getEnumConstants())) values.add(MAPPER.valueToTree(constant).asText());
        return schema;
    }

    private static ObjectNode constant(String value) {
        ObjectNode schema = ofType("string");
        schema.putArray("enum").add(value);
        return schema;
    }

    private static ObjectNode ofType(String type) {
        ObjectNode schema = MAPPER.createObjectNode();
        schema.put("type", type);
        return schema;
    }
}

// SPDX-License-Identifier: Apache-2.0
//
// Reads an HPROF file with VisualVM's library and prints what it holds as JSON: for each object that
// is none of Java's its id, class, size, retained size and references, its two arrays (hprof.h)
// counted to it. usage: java -cp JAR ReadHprof.java FILE
import java.io.File;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.graalvm.visualvm.lib.jfluid.heap.ArrayItemValue;
import org.graalvm.visualvm.lib.jfluid.heap.FieldValue;
import org.graalvm.visualvm.lib.jfluid.heap.GCRoot;
import org.graalvm.visualvm.lib.jfluid.heap.Heap;
import org.graalvm.visualvm.lib.jfluid.heap.HeapFactory;
import org.graalvm.visualvm.lib.jfluid.heap.Instance;
import org.graalvm.visualvm.lib.jfluid.heap.ObjectArrayInstance;
import org.graalvm.visualvm.lib.jfluid.heap.ObjectFieldValue;
import org.graalvm.visualvm.lib.jfluid.heap.PrimitiveArrayInstance;

public class ReadHprof {
  public static void main(String[] arguments) throws Exception {
    Heap heap = HeapFactory.createHeap(new File(arguments[0]));
    PrintStream out = new PrintStream(System.out, false, "UTF-8");
    out.print("{\"objects\":[");
    String comma = "";
    for (Iterator<?> all = heap.getAllInstancesIterator(); all.hasNext(); ) {
      Instance instance = (Instance) all.next();
      if (instance instanceof ObjectArrayInstance || instance instanceof PrimitiveArrayInstance
          || instance.getJavaClass().getName().startsWith("java.lang.")) {
        continue;
      }
      out.print(comma);
      print(instance, out);
      comma = ",\n";
    }
    out.print("],\n\"roots\":[");
    comma = "";
    for (Object root : heap.getGCRoots()) {
      GCRoot one = (GCRoot) root;
      if (one.getInstance() == null || isClass(one.getInstance())) continue;
      out.print(comma + "[" + quoted(one.getKind()) + "," + one.getInstance().getInstanceId() + "]");
      comma = ",";
    }
    out.println("]}");
    out.flush();
  }

  private static boolean isClass(Instance instance) {
    return instance.getJavaClass() == null
        || instance.getJavaClass().getName().equals("java.lang.Class");
  }

  private static void print(Instance instance, PrintStream out) {
    long size = instance.getSize();
    List<String> references = new ArrayList<>();
    for (Object value : instance.getFieldValues()) {
      if (!(value instanceof ObjectFieldValue)) continue;
      String name = ((FieldValue) value).getField().getName();
      Instance target = ((ObjectFieldValue) value).getInstance();
      if (target == null) continue;
      if (name.equals("bytes") && isArray(target)) {
        size += target.getRetainedSize() > 0 ? target.getRetainedSize() : target.getSize();
      } else if (name.equals("items") && isArray(target)) {
        size += target.getSize();
        for (Object item : ((ObjectArrayInstance) target).getItems()) {
          Instance held = ((ArrayItemValue) item).getInstance();
          if (held != null) references.add("[null," + held.getInstanceId() + "]");
        }
      } else {
        references.add("[" + quoted(name) + "," + target.getInstanceId() + "]");
      }
    }
    out.print("{\"id\":" + instance.getInstanceId() + ",\"class\":"
        + quoted(instance.getJavaClass().getName()) + ",\"size\":" + size + ",\"retained\":"
        + instance.getRetainedSize() + ",\"references\":[" + String.join(",", references) + "]}");
  }

  private static boolean isArray(Instance instance) {
    return instance instanceof ObjectArrayInstance || instance instanceof PrimitiveArrayInstance;
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
        quoted.append(c);
      } else {
        quoted.append(String.format("\\u%04x", (int) c));
      }
    }
    return quoted.append('"').toString();
  }
}

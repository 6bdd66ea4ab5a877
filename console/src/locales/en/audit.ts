import type zh from "../zh/audit";
import type { Same } from "../same";

export default {
  title: "Audit log",
} satisfies Same<typeof zh>;

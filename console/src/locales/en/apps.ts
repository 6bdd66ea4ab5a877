import type zh from "../zh/apps";
import type { Same } from "../same";

export default {
  title: "Apps and grants",
} satisfies Same<typeof zh>;

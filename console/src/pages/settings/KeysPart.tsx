import { Divider, Flex } from "antd";
import { AdminToken } from "./AdminToken";
import { SecretKeys } from "./SecretKeys";

/** What protects the platform's secrets, and how it is replaced. */
export function KeysPart() {
  return (
    <Flex vertical gap={8} style={{ maxWidth: 960 }}>
      <SecretKeys />
      <Divider />
      <AdminToken />
    </Flex>
  );
}

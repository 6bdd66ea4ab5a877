import { DeleteOutlined } from "@ant-design/icons";
import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Button, Descriptions, Flex, Modal, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { useConfirm } from "../../common/confirm";
import { shareText } from "../../common/numbers";
import { PictureStage } from "../../common/PictureStage";
import { QualityBars } from "../../common/QualityBars";
import { FailurePanel, Loaded } from "../../common/states";
import { momentText } from "../../common/time";
import { isBuiltin, nameOf, type Person } from "./person";

interface Properties {
  library: Schema<"ShownLibrary">;
  person: Person;
  face: Schema<"ShownFace">;
  onClose: () => void;
}

/** A face in large: the picture that was enrolled, its quality, and what is known of it. */
export function FaceDetail({ library, person, face, onClose }: Properties) {
  const { t } = useTranslation("people");
  const { canWork } = usePermissions();
  const { message } = App.useApp();
  const confirm = useConfirm();
  const init = { params: { path: { library: library.id, person: person.id, face: face.id } } };
  const picture = useQuery({
    queryKey: ["picture", library.id, person.id, face.id],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/libraries/{library}/people/{person}/faces/{face}/picture", { ...init, signal, parseAs: "blob" })) as Promise<Blob>,
    staleTime: "static",
    gcTime: 60_000,
  });
  const quality = queries.useQuery("get", "/libraries/{library}/people/{person}/faces/{face}/quality", init, { staleTime: "static" });
  const removal = useMutation({
    mutationFn: () => api.DELETE("/libraries/{library}/people/{person}/faces/{face}", init),
  });
  const name = nameOf(person);
  const isLast = person.faces?.length === 1;
  const remove = () =>
    confirm({
      title: t("faces.delete.title", { name }),
      content: t(isLast ? "faces.delete.last" : "faces.delete.content"),
      action: t("faces.delete.action"),
      onConfirm: async () => {
        await removal.mutateAsync();
        message.success(t("faces.delete.done"));
        onClose();
      },
    });
  const marked = [{ box: face.box, tone: "good" as const }];
  return (
    <Modal
      open
      width={960}
      title={t("faces.detail", { name })}
      onCancel={onClose}
      footer={
        canWork && (
          <Button danger icon={<DeleteOutlined />} onClick={remove}>
            {t("faces.delete.action")}
          </Button>
        )
      }
    >
      <Flex gap={24} wrap>
        <div style={{ flex: "1 1 340px", minWidth: 0 }}>
          {picture.isPending && <Skeleton.Node active style={{ width: "100%", height: 320 }} />}
          {picture.error && <FailurePanel failure={picture.error} onRetry={() => void picture.refetch()} />}
          {picture.data && <PictureStage picture={picture.data} faces={marked} alt={t("faces.picture", { name })} />}
        </div>
        <Flex vertical gap={16} style={{ flex: "1 1 300px", minWidth: 0 }}>
          <Descriptions
            size="small"
            column={1}
            colon={false}
            items={[
              { key: "id", label: t("faces.id"), children: face.id },
              { key: "created", label: t("fields.createdAt"), children: momentText(face.createdAt) },
              { key: "state", label: t("faces.state"), children: t(face.isPending ? "faces.pending" : "faces.ready") },
              { key: "confidence", label: t("faces.confidence"), children: shareText(face.confidence) },
              {
                key: "enrolled",
                label: t("faces.enrolledQuality"),
                children: face.quality == null ? t("faces.notJudged") : shareText(face.quality),
              },
              { key: "algorithm", label: t("faces.algorithm"), children: <Algorithm library={library} person={person} face={face} /> },
            ]}
          />
          <Loaded query={quality}>{(report) => <QualityBars quality={report} />}</Loaded>
        </Flex>
      </Flex>
    </Modal>
  );
}

/** The algorithm of the template of a face, for who may see templates; else the one that computes templates now. */
function Algorithm({ library, person, face }: Omit<Properties, "onClose">) {
  const { t } = useTranslation("people");
  const { isAdmin } = usePermissions();
  const mayRead = isAdmin && isBuiltin(library) && !face.isPending;
  const own = useQuery({
    queryKey: ["algorithm", library.id, person.id, face.id],
    enabled: mayRead,
    retry: false,
    // Not asked for again when the face is deleted, but whenever it is opened.
    staleTime: "static",
    gcTime: 0,
    queryFn: async ({ signal }) => {
      const path = { library: library.id, person: person.id, face: face.id };
      const template = await dataOf(
        api.GET("/libraries/{library}/people/{person}/faces/{face}/template", { params: { path }, signal }),
      );
      // The template itself is biometric data, which is not kept here.
      return `${template.provider} ${template.algorithm} ${template.version}`;
    },
  });
  const now = queries.useQuery("get", "/version", {}, { enabled: isBuiltin(library) && (!mayRead || own.isError) });
  if (!isBuiltin(library)) return t("faces.algorithmOfEngine", { engine: library.engine });
  if (own.data) return own.data;
  const algorithm = now.data?.algorithm;
  return algorithm ? t("faces.algorithmNow", { algorithm: `${algorithm.provider} ${algorithm.name} ${algorithm.version}` }) : "…";
}

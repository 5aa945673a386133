"""The Go structs of pkg/apis/core and pkg/apis/batch (1.36): their fields, in the order of printing."""

from typing import Final

STRUCTS: Final = {
    "PodSpec": """Volumes:Volume InitContainers:Container Containers:Container EphemeralContainers:Container
        RestartPolicy= TerminationGracePeriodSeconds ActiveDeadlineSeconds DNSPolicy= NodeSelector
        ServiceAccountName= AutomountServiceAccountToken NodeName= SecurityContext:PodSecurityContext
        ImagePullSecrets:Named Hostname= Subdomain= SetHostnameAsFQDN Affinity:Affinity SchedulerName=
        Tolerations:Toleration HostAliases:HostAlias PriorityClassName= Priority PreemptionPolicy
        DNSConfig:DNSConfig ReadinessGates:Gate RuntimeClassName Overhead EnableServiceLinks
        TopologySpreadConstraints:Spread OS:Named SchedulingGates:Named ResourceClaims:ResourceClaim
        Resources:Resources HostnameOverride SchedulingGroup""",
    "PodSecurityContext": """HostNetwork! HostPID! HostIPC! ShareProcessNamespace HostUsers
        SELinuxOptions:SELinux WindowsOptions:Windows RunAsUser RunAsGroup RunAsNonRoot SupplementalGroups
        SupplementalGroupsPolicy FSGroup FSGroupChangePolicy Sysctls:NameValue SeccompProfile:Profile
        AppArmorProfile:Profile SELinuxChangePolicy""",
    "Container": """Name= Image= Command Args WorkingDir= Ports:Port EnvFrom:EnvFrom Env:Env
        Resources:Resources ResizePolicy:Resize RestartPolicy RestartPolicyRules:RestartRule
        VolumeMounts:Mount VolumeDevices:Device LivenessProbe:Probe ReadinessProbe:Probe StartupProbe:Probe
        Lifecycle:Lifecycle TerminationMessagePath= TerminationMessagePolicy= ImagePullPolicy=
        SecurityContext:SecurityContext Stdin! StdinOnce! TTY!""",
    "SecurityContext": """Capabilities:Capabilities Privileged SELinuxOptions:SELinux WindowsOptions:Windows
        RunAsUser RunAsGroup RunAsNonRoot ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount
        SeccompProfile:Profile AppArmorProfile:Profile""",
    "Capabilities": "Add Drop",
    "SELinux": "User= Role= Type= Level=",
    "Windows": "GMSACredentialSpecName GMSACredentialSpec RunAsUserName HostProcess",
    "Profile": "Type= LocalhostProfile",
    "Resources": "Limits Requests Claims:Claim",
    "Claim": "Name= Request=",
    "ResourceClaim": "Name= ResourceClaimName ResourceClaimTemplateName",
    "Resize": "ResourceName= RestartPolicy=",
    "RestartRule": "Action= ExitCodes:RestartCodes",
    "RestartCodes": "Operator= Values",
    "Port": "Name= HostPort# ContainerPort# Protocol= HostIP=",
    "Env": "Name= Value= ValueFrom:EnvSource",
    "EnvSource": """FieldRef:FieldRef ResourceFieldRef:ResourceRef ConfigMapKeyRef:KeyRef SecretKeyRef:KeyRef
        FileKeyRef:FileKeyRef""",
    "EnvFrom": "Prefix= ConfigMapRef:OptionalRef SecretRef:OptionalRef",
    "FieldRef": "APIVersion= FieldPath=",
    "ResourceRef": "ContainerName= Resource= Divisor",
    "KeyRef": "Name= Key= Optional",
    "FileKeyRef": "VolumeName= Path= Key= Optional",
    "OptionalRef": "Name= Optional",
    "Mount": "Name= ReadOnly! RecursiveReadOnly MountPath= SubPath= MountPropagation SubPathExpr=",
    "Device": "Name= DevicePath=",
    "Probe": """Exec:Exec HTTPGet:HTTPGet TCPSocket:TCPSocket GRPC:GRPC InitialDelaySeconds# TimeoutSeconds#
        PeriodSeconds# SuccessThreshold# FailureThreshold# TerminationGracePeriodSeconds""",
    "Exec": "Command",
    "HTTPGet": "Path= Port Host= Scheme= HTTPHeaders:NameValue",
    "TCPSocket": "Port Host=",
    "GRPC": "Port# Service",
    "Lifecycle": "PostStart:Handler PreStop:Handler StopSignal",
    "Handler": "Exec:Exec HTTPGet:HTTPGet TCPSocket:TCPSocket Sleep:Sleep",
    "Sleep": "Seconds#",
    "Named": "Name=",
    "NameValue": "Name= Value=",
    "Gate": "ConditionType=",
    "HostAlias": "IP= Hostnames",
    "Toleration": "Key= Operator= Value= Effect= TolerationSeconds",
    "DNSConfig": "Nameservers Searches Options:DNSOption",
    "DNSOption": "Name= Value",
    "Spread": """MaxSkew# TopologyKey= WhenUnsatisfiable= LabelSelector MinDomains NodeAffinityPolicy
        NodeTaintsPolicy MatchLabelKeys""",
    "Affinity": "NodeAffinity:NodeAffinity PodAffinity:PodAffinity PodAntiAffinity:PodAffinity",
    "NodeAffinity": """RequiredDuringSchedulingIgnoredDuringExecution:NodeSelector
        PreferredDuringSchedulingIgnoredDuringExecution:PreferredNode""",
    "NodeSelector": "NodeSelectorTerms:NodeTerm",
    "NodeTerm": "MatchExpressions:NodeRequirement MatchFields:NodeRequirement",
    "NodeRequirement": "Key= Operator= Values",
    "PreferredNode": "Weight# Preference:NodeTerm",
    "PodAffinity": """RequiredDuringSchedulingIgnoredDuringExecution:PodTerm
        PreferredDuringSchedulingIgnoredDuringExecution:PreferredPod""",
    "PodTerm": "LabelSelector Namespaces TopologyKey= NamespaceSelector MatchLabelKeys MismatchLabelKeys",
    "PreferredPod": "Weight# PodAffinityTerm:PodTerm",
    "Volume": """Name= HostPath:HostPath EmptyDir:EmptyDir GCEPersistentDisk:Any AWSElasticBlockStore:Any
        GitRepo:Any Secret:SecretVolume NFS:NFS ISCSI:Any Glusterfs:Any PersistentVolumeClaim:ClaimVolume
        RBD:Any Quobyte:Any FlexVolume:Any Cinder:Any CephFS:Any Flocker:Any DownwardAPI:DownwardAPI FC:Any
        AzureFile:Any ConfigMap:ConfigMapVolume VsphereVolume:Any AzureDisk:Any PhotonPersistentDisk:Any
        Projected:Projected PortworxVolume:Any ScaleIO:Any StorageOS:Any CSI:Any Ephemeral:Any Image:Image""",
    "HostPath": "Path= Type",
    "EmptyDir": "Medium= SizeLimit",
    "SecretVolume": "SecretName= Items:KeyToPath DefaultMode Optional",
    "ConfigMapVolume": "Name= Items:KeyToPath DefaultMode Optional",
    "KeyToPath": "Key= Path= Mode",
    "NFS": "Server= Path= ReadOnly!",
    "ClaimVolume": "ClaimName= ReadOnly!",
    "DownwardAPI": "Items:DownwardFile DefaultMode",
    "DownwardFile": "Path= FieldRef:FieldRef ResourceFieldRef:ResourceRef Mode",
    "Image": "Reference= PullPolicy=",
    "Projected": "Sources:Projection DefaultMode",
    "Projection": """Secret:ProjectedKeys DownwardAPI:ProjectedFiles ConfigMap:ProjectedKeys
        ServiceAccountToken:Token ClusterTrustBundle:Any PodCertificate:Any""",
    "ProjectedKeys": "Name= Items:KeyToPath Optional",
    "ProjectedFiles": "Items:DownwardFile",
    "Token": "Audience= ExpirationSeconds# Path=",
    "PodFailurePolicy": "Rules:FailureRule",
    "FailureRule": "Action= OnExitCodes:ExitCodes OnPodConditions:ConditionPattern",
    "ExitCodes": "ContainerName Operator= Values",
    "ConditionPattern": "Type= Status=",
    "SuccessPolicy": "Rules:SuccessRule",
    "SuccessRule": "SucceededIndexes SucceededCount",
}
"""The fields of each struct; after a name comes ``=``, ``!`` or ``#`` for a text, a boolean or a number that
is never null, or ``:`` and the struct of its value or values. ``Any`` is a struct that is not listed."""
